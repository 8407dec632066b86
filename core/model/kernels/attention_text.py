"""The text of the kernel for the attention of one token of each row: for CUDA alone."""

from string import Template

# From qkv [N, (H + 2 K) D]: queries and keys are normed and rotated; the $queries queries of a head of keys look in
# keys and values [N, K, T, D] from the row's start to place[0], in the place[1] recent ones [N, K, R, D], and at their
# own token, which joins the recent ones: those are written anew, up to it. $warps warps for each head of keys, each for
# parts of 8 * $tiles tokens; the hardware multiplies 16 by 16 by 8, with queries (eight at most) as the rows. The order
# of numbers in a sum is free, and so is that of the columns of what is mixed, so that a lane takes eight numbers in a
# row. Weights are rounded to T where they multiply values; what they sum to is that of the rounded ones.
ATTEND_TOKEN = Template("""
    const unsigned int lane = threadIdx.x % 32;
    const unsigned int warp = threadIdx.x / 32;
    const unsigned int part = warp % $warps;
    const unsigned int all = qkv_shape[0] * $k_heads;
    const unsigned int wanted = (blockIdx.x * 8 + warp) / $warps;
    const unsigned int unit = wanted < all ? wanted : all - 1;
    const unsigned int answer = unit / $k_heads;
    const unsigned int head = unit % $k_heads * $queries;  // the first of those that look in these keys
    const T* token = qkv + answer * (($q_heads + 2 * $k_heads) * $dim);
    const T* own_value = token + ($q_heads + $k_heads + unit % $k_heads) * $dim;
    const unsigned int old = place[0];
    const unsigned int last = old + place[1];
    extern __shared__ uint4 room[];
    float* mixes = (float*)room;  // of each warp; at first its queries lie there
    __shared__ T own_keys[8][$dim];
    __shared__ float own_scores[8][$queries];
    __shared__ float bests[8][$queries];
    __shared__ float totals[8][$queries];
    // A lane loads 8 numbers in a row of each 32, of one token in 8: its shares of two products of the hardware's.
    const unsigned int near = lane / 4;
    const unsigned int column = 8 * (lane % 4);
    const unsigned long past = (unsigned long)unit * keys_shape[2] * $dim + column;
    const unsigned long recent = (unsigned long)unit * $recent * $dim + column;
    uint4 key[$tiles][$dim / 32];
    uint4 value[$tiles][$dim / 32];
    auto load = [&](unsigned int base) {
        #pragma unroll
        for (int i = 0; i < $tiles; ++i) {
            const unsigned int at = base + 8 * i + near;
            const unsigned long where = at < old ? past + (unsigned long)at * $dim : recent + (at - old) * $dim;
            const T* from_keys = (at < old ? keys : recent_keys) + where;
            const T* from_values = (at < old ? values : recent_values) + where;
            #pragma unroll
            for (int j = 0; j < $dim / 32; ++j) {
                key[i][j] = value[i][j] = {0, 0, 0, 0};
                if (at < last) {
                    key[i][j] = *(const uint4*)(from_keys + 32 * j);
                    value[i][j] = *(const uint4*)(from_values + 32 * j);
                }
            }
        }
    };
    const unsigned int first = start[answer] + 8 * $tiles * part;
    load(first);
    // Each warp norms and rotates with all its lanes: the other half of a head lies 16 lanes away.
    const unsigned int offset = $wide * lane;
    T* queries = (T*)(mixes + warp * $queries * $dim);
    float own_key[$wide];
    #pragma unroll
    for (int h = -1; h < $queries; ++h) {
        const T* x = token + (h < 0 ? $q_heads + unit % $k_heads : head + h) * $dim;
        const T* weight = h < 0 ? k_weight : q_weight;
        const Pack<T, $wide> a = *(const Pack<T, $wide>*)(x + offset);
        float squares = 0;
        for (int j = 0; j < $wide; ++j) { squares += float(a.v[j]) * float(a.v[j]); }
        const float inverse = $normed ? rsqrtf(warp_sum(squares) / $dim + ${eps}f) : 1.0f;
        float score = 0;
        for (int j = 0; j < $wide; ++j) {
            const unsigned int angle = answer * $half + (offset + j) % $half;
            const float y = float(a.v[j]) * inverse * float(weight[offset + j]);
            const float other = warp_shuffle(y, 16);
            const T rotated = T(y * cosine[angle] + (lane < 16 ? -other : other) * sine[angle]);
            if (h < 0) {
                own_keys[warp][offset + j] = rotated;
                own_key[j] = float(rotated);
            } else {
                queries[h * $dim + offset + j] = rotated;
                score += own_key[j] * float(rotated);
            }
        }
        if (h >= 0) { own_scores[warp][h] = warp_sum(score) * ${scale}f; }
    }
    __syncwarp();
    uint4 query[$dim / 32];
    #pragma unroll
    for (int j = 0; j < $dim / 32; ++j) {
        query[j] = {0, 0, 0, 0};
        if (near < $queries) { query[j] = *(const uint4*)(queries + near * $dim + 32 * j + column); }
    }
    float sums[$dim / 8][4] = {};
    float best = -3e38f;
    float total = 0;
    #pragma unroll 1
    for (unsigned int base = first; base < last; base += 8 * $tiles * $warps) {
        float scores[$tiles][4] = {};
        #pragma unroll
        for (int j = 0; j < $dim / 32; ++j) {
            #pragma unroll
            for (int i = 0; i < $tiles; ++i) {
                tensor_product(T(), scores[i], query[j].x, 0, query[j].y, 0, key[i][j].x, key[i][j].y);
                tensor_product(T(), scores[i], query[j].z, 0, query[j].w, 0, key[i][j].z, key[i][j].w);
            }
        }
        float top = best;
        #pragma unroll
        for (int i = 0; i < $tiles; ++i) {
            for (int n = 0; n < 2; ++n) {
                const unsigned int at = base + 8 * i + 2 * (lane % 4) + n;
                scores[i][n] = at < last ? scores[i][n] * ${scale}f : -3e38f;
                top = scores[i][n] > top ? scores[i][n] : top;
            }
        }
        for (int n = 1; n < 4; n *= 2) {
            const float other = warp_shuffle(top, n);
            top = other > top ? other : top;
        }
        const float kept = __expf(best - top);
        best = top;
        total *= kept;
        #pragma unroll
        for (int j = 0; j < $dim / 8; ++j) {
            sums[j][0] *= kept;
            sums[j][1] *= kept;
        }
        unsigned int weights[2] = {0, 0};
        #pragma unroll
        for (int i = 0; i < $tiles; ++i) {
            const T low = T(scores[i][0] > -1e38f ? __expf(scores[i][0] - top) : 0.0f);
            const T high = T(scores[i][1] > -1e38f ? __expf(scores[i][1] - top) : 0.0f);
            total += float(low) + float(high);
            weights[i] = as_pair(low, high);
        }
        #pragma unroll
        for (int j = 0; j < $dim / 8; ++j) {
            unsigned int mixed[2] = {0, 0};
            for (int i = 0; i < $tiles; ++i) { mixed[i] = transpose(((const unsigned int*)&value[i][j / 4])[j % 4]); }
            tensor_product(T(), sums[j], weights[0], 0, weights[1], 0, mixed[0], mixed[1]);
        }
        #pragma unroll
        for (int i = 0; i < $tiles; ++i) {
            const unsigned int at = base + 8 * i + near;
            if (at >= old && at < last && wanted < all) {
                #pragma unroll
                for (int j = 0; j < $dim / 32; ++j) {
                    *(uint4*)(new_keys + recent + (at - old) * $dim + 32 * j) = key[i][j];
                    *(uint4*)(new_values + recent + (at - old) * $dim + 32 * j) = value[i][j];
                }
            }
        }
        load(base + 8 * $tiles * $warps);
    }
    for (int n = 1; n < 4; n *= 2) { total += warp_shuffle(total, n); }
    __syncwarp();
    if (near < $queries) {
        #pragma unroll
        for (int j = 0; j < $dim / 8; ++j) {
            float* mix = mixes + (warp * $queries + near) * $dim + j / 4 * 32 + column + j % 4 * 2;
            mix[0] = sums[j][0];
            mix[1] = sums[j][1];
        }
        bests[warp][near] = best;
        totals[warp][near] = total;
    }
    __syncthreads();
    if (wanted >= all) { return; }
    const unsigned int own = warp - part;
    for (unsigned int i = 32 * part + lane; i < $queries * $dim; i += 32 * $warps) {
        const unsigned int h = i / $dim;
        float top = own_scores[own][h];
        for (unsigned int w = own; w < own + $warps; ++w) { top = bests[w][h] > top ? bests[w][h] : top; }
        float whole = __expf(own_scores[own][h] - top);
        float sum = whole * float(own_value[i % $dim]);
        for (unsigned int w = own; w < own + $warps; ++w) {
            const float share = __expf(bests[w][h] - top);
            whole += totals[w][h] * share;
            sum += mixes[w * $queries * $dim + i] * share;
        }
        out[(answer * $q_heads + head) * $dim + i] = T(sum / whole);
    }
    for (unsigned int i = 32 * part + lane; i < $dim; i += 32 * $warps) {
        new_keys[((unsigned long)unit * $recent + last - old) * $dim + i] = own_keys[own][i];
        new_values[((unsigned long)unit * $recent + last - old) * $dim + i] = own_value[i];
    }
""")
