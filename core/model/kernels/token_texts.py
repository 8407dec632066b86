"""The texts of the kernels for one token of each row: see core.model.kernels.texts."""

from string import Template

# Attention for one token of each row, from qkv [N, (H + 2 K) D]: queries and keys are normed and rotated; the query of
# a head looks in keys and values [N, K, T, D] from the row's start to place[0], in the place[1] recent ones
# [N, K, R, D], and at its own token, which joins the recent ones. $warps warps for each head; eight lanes take a token,
# so that a warp has four at a time, and keep the running sums of a softmax.
ATTEND_TOKEN = Template("""
    const unsigned int lane = $thread % 32;
    const unsigned int warp = $thread / 32 % 8;
    const unsigned int own = warp / $warps * $warps;  // the first warp of this head
    const unsigned int all = qkv_shape[0] * $q_heads;
    const unsigned int row = $thread / (32 * $warps) < all ? $thread / (32 * $warps) : all - 1;
    $shared float bests[8];
    $shared float totals[8];
    $shared float mixes[8 * $dim];  // at first the queries
    $shared T own_keys[8 * $dim];
    const unsigned int answer = row / $q_heads;
    const unsigned int head = row % $q_heads;
    const unsigned int k_head = answer * $k_heads + head / $queries;
    const unsigned int column = $per * (lane % 8);
    const unsigned int first = 4 * (warp - own) + lane / 8;
    const unsigned int old = place[0];
    const unsigned int last = old + place[1];
    // Each warp norms and rotates with all its lanes: the other half of a head lies 16 lanes away.
    const unsigned int part = $wide * lane;
    const $device T* q = qkv + answer * qkv_shape[1] + head * $dim;
    const $device T* k = qkv + answer * qkv_shape[1] + ($q_heads + head / $queries) * $dim;
    const Pack<T, $wide> a = *(const $device Pack<T, $wide>*)(q + part);
    const Pack<T, $wide> b = *(const $device Pack<T, $wide>*)(k + part);
    const Pack<T, $per> own_value = *(const $device Pack<T, $per>*)(k + $k_heads * $dim + column);
    float q_squares = 0;
    float k_squares = 0;
    for (int j = 0; j < $wide; ++j) {
        q_squares += float(a.v[j]) * float(a.v[j]);
        k_squares += float(b.v[j]) * float(b.v[j]);
    }
    const float q_inverse = $normed ? $rsqrt($sum(q_squares) / $dim + ${eps}f) : 1.0f;
    const float k_inverse = $normed ? $rsqrt($sum(k_squares) / $dim + ${eps}f) : 1.0f;
    const float sign = lane < 16 ? -1.0f : 1.0f;
    for (int j = 0; j < $wide; ++j) {
        const unsigned int angle = answer * $half + (part + j) % $half;
        const float x = float(a.v[j]) * q_inverse * float(q_weight[part + j]);
        const float y = float(b.v[j]) * k_inverse * float(k_weight[part + j]);
        const float other_x = $shuffle(x, 16);
        const float other_y = $shuffle(y, 16);
        mixes[warp * $dim + part + j] = float(T(x * cosine[angle] + sign * other_x * sine[angle])) * ${scale}f;
        own_keys[warp * $dim + part + j] = T(y * cosine[angle] + sign * other_y * sine[angle]);
    }
    $warp_barrier;
    float query[$per];
    float mix[$per];
    Pack<T, $per> own_key;
    for (int j = 0; j < $per; ++j) {
        query[j] = mixes[warp * $dim + column + j];
        own_key.v[j] = own_keys[warp * $dim + column + j];
        mix[j] = 0;
    }
    if (head % $queries == 0) {
        #pragma unroll 1
        for (unsigned int t = first; t < $recent; t += 4 * $warps) {
            const unsigned int at = (k_head * $recent + t) * $dim + column;
            Pack<T, $per> key = own_key;
            Pack<T, $per> value = own_value;
            if (t != last - old) {
                key = *(const $device Pack<T, $per>*)(recent_keys + at);
                value = *(const $device Pack<T, $per>*)(recent_values + at);
            }
            *($device Pack<T, $per>*)(new_keys + at) = key;
            *($device Pack<T, $per>*)(new_values + at) = value;
        }
    }
    float best = -3e38f;
    float total = 0;
    // A token's keys and values are fetched while the one before is computed; the first time there is none.
    const int begin = start[answer] + 4 * (warp - own);
    Pack<T, $per> next_key = own_key;
    Pack<T, $per> next_value = own_value;
    #pragma unroll 1
    for (int base = begin - 4 * $warps; base <= int(last); base += 4 * $warps) {
        const Pack<T, $per> key = next_key;
        const Pack<T, $per> value = next_value;
        const unsigned int at = base + 4 * $warps + lane / 8;
        const unsigned long past = ((unsigned long)k_head * keys_shape[2] + at) * $dim + column;
        const unsigned long recent = ((unsigned long)k_head * $recent + at - old) * $dim + column;
        next_key = own_key;
        next_value = own_value;
        if (at < last) {
            next_key = *(const $device Pack<T, $per>*)(at < old ? keys + past : recent_keys + recent);
            next_value = *(const $device Pack<T, $per>*)(at < old ? values + past : recent_values + recent);
        }
        float score = 0;
        for (int j = 0; j < $per; ++j) { score += query[j] * float(key.v[j]); }
        for (int n = 1; n < 8; n *= 2) { score += $shuffle(score, n); }
        score = base >= begin && base + lane / 8 <= last ? score : -3e38f;
        const float top = score > best ? score : best;
        const float kept = $exp(best - top);
        const float share = score > -1e38f ? $exp(score - top) : 0.0f;
        for (int j = 0; j < $per; ++j) { mix[j] = mix[j] * kept + share * float(value.v[j]); }
        total = total * kept + share;
        best = top;
    }
    float top = best;
    for (int n = 8; n < 32; n *= 2) {
        const float next = $shuffle(top, n);
        top = next > top ? next : top;
    }
    const float share = $exp(best - top);
    total *= share;
    for (int n = 8; n < 32; n *= 2) { total += $shuffle(total, n); }
    for (int j = 0; j < $per; ++j) {
        mix[j] *= share;
        for (int n = 8; n < 32; n *= 2) { mix[j] += $shuffle(mix[j], n); }
        if (lane < 8) { mixes[warp * $dim + column + j] = mix[j]; }
    }
    if (lane == 0) {
        bests[warp] = top;
        totals[warp] = total;
    }
    $barrier;
    for (unsigned int i = 32 * (warp - own) + lane; i < $dim; i += 32 * $warps) {
        for (unsigned int w = own; w < own + $warps; ++w) { top = bests[w] > top ? bests[w] : top; }
        float whole = 0;
        float sum = 0;
        for (unsigned int w = own; w < own + $warps; ++w) {
            whole += totals[w] * $exp(bests[w] - top);
            sum += mixes[w * $dim + i] * $exp(bests[w] - top);
        }
        out[row * $dim + i] = T(sum / whole);
    }
""")
# A token for each row of logits [N, V], as core.rollouts.sampling.sample_tokens takes it: where u [N] times the sum of
# all weights falls among their running sums; the log-probability it had, and the entropy. A group of eight warps for
# each row: the largest logit, then the sum of each $chunk weights, then the place within those where it falls. Eight
# numbers at a time; V is a multiple of eight.
SAMPLE_TOKEN = Template("""
    const unsigned int lane = $thread % 32;
    const unsigned int warp = $thread / 32 % 8;
    const unsigned int row = $thread / 256;
    const unsigned int width = logits_shape[1];
    const $device T* x = logits + (unsigned long)row * width;
    $shared float chunk_sums[$chunks];
    $shared float own_sums[256];
    $shared float tops[8];
    $shared float mixes[8];
    $shared float passed[8];
    float top = -3e38f;
    #pragma unroll 4
    for (unsigned int i = 8 * ($thread % 256); i < width; i += 2048) {
        const Pack<T, 8> a = *(const $device Pack<T, 8>*)(x + i);
        for (int j = 0; j < 8; ++j) { top = float(a.v[j]) > top ? float(a.v[j]) : top; }
    }
    for (int n = 1; n < 32; n *= 2) {
        const float other = $shuffle(top, n);
        top = other > top ? other : top;
    }
    if (lane == 0) { tops[warp] = top; }
    $barrier;
    for (int w = 0; w < 8; ++w) { top = tops[w] > top ? tops[w] : top; }
    float mix = 0;
    for (unsigned int c = warp; c < $chunks; c += 8) {
        float sum = 0;
        #pragma unroll
        for (unsigned int n = 0; n < $chunk / 256; ++n) {
            const unsigned int i = c * $chunk + 256 * n + 8 * lane;
            if (i < width) {
                const Pack<T, 8> a = *(const $device Pack<T, 8>*)(x + i);
                for (int j = 0; j < 8; ++j) {
                    const float shifted = (float(a.v[j]) - top) * ${scale}f;
                    const float weight = $exp(shifted);
                    sum += weight;
                    mix += weight > 0 ? weight * shifted : 0.0f;
                }
            }
        }
        sum = $sum(sum);
        if (lane == 0) { chunk_sums[c] = sum; }
    }
    mix = $sum(mix);
    if (lane == 0) { mixes[warp] = mix; }
    $barrier;
    float total = 0;
    for (unsigned int c = lane; c < $chunks; c += 32) { total += chunk_sums[c]; }
    total = $sum(total);
    const float wanted = uniform[row] * total;
    unsigned int c = 0;
    float before = 0;
    while (c + 1 < $chunks && before + chunk_sums[c] <= wanted) {
        before += chunk_sums[c];
        ++c;
    }
    const unsigned int first = c * $chunk + $chunk / 256 * ($thread % 256);
    float weights[$chunk / 256];
    float own = 0;
    for (int j = 0; j < $chunk / 256; ++j) {
        weights[j] = first + j < width ? $exp((float(x[first + j]) - top) * ${scale}f) : 0.0f;
        own += weights[j];
    }
    own_sums[$thread % 256] = own;
    $barrier;
    float running = 0;
    for (unsigned int n = lane; n < 32 * warp; n += 32) { running += own_sums[n]; }
    running = before + $sum(running);
    for (unsigned int n = 0; n < 32; ++n) { running += n < lane ? own_sums[32 * warp + n] : 0.0f; }
    float count = 0;
    for (int j = 0; j < $chunk / 256; ++j) {
        running += weights[j];
        count += running <= wanted ? 1.0f : 0.0f;
    }
    count = $sum(count);
    if (lane == 0) { passed[warp] = count; }
    $barrier;
    if ($thread % 256 == 0) {
        float place = 0;
        float whole_mix = 0;
        for (int w = 0; w < 8; ++w) {
            place += passed[w];
            whole_mix += mixes[w];
        }
        const unsigned int at = c * $chunk + (unsigned int)place;
        const unsigned int token = at < width ? at : width - 1;
        const float log_total = $log(total);
        tokens[row] = token;
        logps[row] = (float(x[token]) - top) * ${scale}f - log_total;
        entropies[row] = log_total - whole_mix / total;
    }
""")
