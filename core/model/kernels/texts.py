"""The texts of the kernels, each for Metal and CUDA at once: only the words for indices and functions differ.

A warp (Metal: SIMD group) of 32 lanes computes one row. Sums are in float32, results are rounded once. N tokens, D
hidden numbers, F inner numbers of the feed-forward part; H query heads and K key heads of $dim numbers.
"""

from string import Template

_ROW = """
    const unsigned int lane = $thread % 32;
    const unsigned int row = $thread / 32;
"""
# hidden = x + r; out = hidden / rms(hidden) * weight.
ADD_NORM = Template(
    _ROW
    + """
    if (row < (unsigned int)x_shape[0]) {
        const unsigned int width = x_shape[1];
        float total = 0;
        for (unsigned int k = row * width + 4 * lane; k < (row + 1) * width; k += 128) {
            const Pack<T, 4> a = *(const $device Pack<T, 4>*)(x + k);
            const Pack<T, 4> b = *(const $device Pack<T, 4>*)(r + k);
            Pack<T, 4> h;
            for (int j = 0; j < 4; ++j) {
                h.v[j] = T(float(a.v[j]) + float(b.v[j]));
                total += float(h.v[j]) * float(h.v[j]);
            }
            *($device Pack<T, 4>*)(hidden + k) = h;
        }
        const float inverse = $rsqrt($sum(total) / width + ${eps}f);
        if (lane == 0) { inverse_rms[row] = inverse; }
        for (unsigned int k = 4 * lane; k < width; k += 128) {
            const Pack<T, 4> h = *(const $device Pack<T, 4>*)(hidden + row * width + k);
            const Pack<T, 4> w = *(const $device Pack<T, 4>*)(weight + k);
            Pack<T, 4> y;
            for (int j = 0; j < 4; ++j) { y.v[j] = T(float(h.v[j]) * inverse * float(w.v[j])); }
            *($device Pack<T, 4>*)(out + row * width + k) = y;
        }
    }
"""
)
# The gradient of both x and r, from those of out (grad) and of hidden (carry).
ADD_NORM_BACK = Template(
    _ROW
    + """
    if (row < (unsigned int)hidden_shape[0]) {
        const unsigned int width = hidden_shape[1];
        const float inverse = inverse_rms[row];
        float total = 0;
        for (unsigned int k = 4 * lane; k < width; k += 128) {
            const Pack<T, 4> h = *(const $device Pack<T, 4>*)(hidden + row * width + k);
            const Pack<T, 4> g = *(const $device Pack<T, 4>*)(grad + row * width + k);
            const Pack<T, 4> w = *(const $device Pack<T, 4>*)(weight + k);
            for (int j = 0; j < 4; ++j) { total += float(g.v[j]) * float(w.v[j]) * float(h.v[j]); }
        }
        const float factor = $sum(total) * inverse * inverse * inverse / width;
        for (unsigned int k = 4 * lane; k < width; k += 128) {
            const Pack<T, 4> h = *(const $device Pack<T, 4>*)(hidden + row * width + k);
            const Pack<T, 4> g = *(const $device Pack<T, 4>*)(grad + row * width + k);
            const Pack<T, 4> c = *(const $device Pack<T, 4>*)(carry + row * width + k);
            const Pack<T, 4> w = *(const $device Pack<T, 4>*)(weight + k);
            Pack<T, 4> y;
            for (int j = 0; j < 4; ++j) {
                y.v[j] = T(float(c.v[j]) + float(g.v[j]) * float(w.v[j]) * inverse - float(h.v[j]) * factor);
            }
            *($device Pack<T, 4>*)(out + row * width + k) = y;
        }
    }
"""
)
# out [N, F] = silu(gate) up from gate_up [N, 2 F].
SWIGLU = Template("""
    const unsigned int width = gate_up_shape[1] / 2;
    const unsigned int i = 4 * $thread;
    if (i < (unsigned int)gate_up_shape[0] * width) {
        const unsigned int first = i + (i / width) * width;
        const Pack<T, 4> g = *(const $device Pack<T, 4>*)(gate_up + first);
        const Pack<T, 4> u = *(const $device Pack<T, 4>*)(gate_up + first + width);
        Pack<T, 4> y;
        for (int j = 0; j < 4; ++j) {
            const float x = float(g.v[j]);
            y.v[j] = T(x / (1.0f + $exp(-x)) * float(u.v[j]));
        }
        *($device Pack<T, 4>*)(out + i) = y;
    }
""")
SWIGLU_BACK = Template("""
    const unsigned int width = gate_up_shape[1] / 2;
    const unsigned int i = 4 * $thread;
    if (i < (unsigned int)gate_up_shape[0] * width) {
        const unsigned int first = i + (i / width) * width;
        const Pack<T, 4> g = *(const $device Pack<T, 4>*)(gate_up + first);
        const Pack<T, 4> u = *(const $device Pack<T, 4>*)(gate_up + first + width);
        const Pack<T, 4> d = *(const $device Pack<T, 4>*)(grad + i);
        Pack<T, 4> dg;
        Pack<T, 4> du;
        for (int j = 0; j < 4; ++j) {
            const float x = float(g.v[j]);
            const float s = 1.0f / (1.0f + $exp(-x));
            dg.v[j] = T(float(d.v[j]) * float(u.v[j]) * s * (1.0f + x * (1.0f - s)));
            du.v[j] = T(float(d.v[j]) * x * s);
        }
        *($device Pack<T, 4>*)(out + first) = dg;
        *($device Pack<T, 4>*)(out + first + width) = du;
    }
""")
# q [N, H, D] and k [N, K, D] normed and rotated, from qkv [N, (H + 2 K) D]; a warp for each head of a token.
QK_ROPE = Template(
    _ROW
    + """
    const unsigned int token = row / $qk_heads;
    const unsigned int head = row % $qk_heads;
    if (token < (unsigned int)qkv_shape[0]) {
        const unsigned int column = $per * lane;
        const unsigned int first = token * qkv_shape[1] + head * $dim + column;
        const Pack<T, $per> a = *(const $device Pack<T, $per>*)(qkv + first);
        const Pack<T, $per> b = *(const $device Pack<T, $per>*)(qkv + first + $half);
        float total = 0;
        for (int j = 0; j < $per; ++j) {
            total += float(a.v[j]) * float(a.v[j]) + float(b.v[j]) * float(b.v[j]);
        }
        const float inverse = $normed ? $rsqrt($sum(total) / $dim + ${eps}f) : 1.0f;
        const $device T* weight = head < $q_heads ? q_weight : k_weight;
        const unsigned int place = (token % cosine_shape[0]) * $half + column;
        Pack<T, $per> low;
        Pack<T, $per> high;
        for (int j = 0; j < $per; ++j) {
            const float x = float(a.v[j]) * inverse * float(weight[column + j]);
            const float y = float(b.v[j]) * inverse * float(weight[column + j + $half]);
            low.v[j] = T(x * cosine[place + j] - y * sine[place + j]);
            high.v[j] = T(y * cosine[place + j] + x * sine[place + j]);
        }
        $device T* out = head < $q_heads ? q + (token * $q_heads + head) * $dim
                                         : k + (token * $k_heads + head - $q_heads) * $dim;
        *($device Pack<T, $per>*)(out + column) = low;
        *($device Pack<T, $per>*)(out + column + $half) = high;
    }
"""
)
QK_ROPE_BACK = Template(
    _ROW
    + """
    const unsigned int token = row / $all_heads;
    const unsigned int head = row % $all_heads;
    if (token < (unsigned int)qkv_shape[0]) {
        const unsigned int column = $per * lane;
        const unsigned int first = token * qkv_shape[1] + head * $dim + column;
        const $device T* grad = head < $q_heads ? q_grad + (token * $q_heads + head) * $dim
            : (head < $qk_heads ? k_grad + (token * $k_heads + head - $q_heads) * $dim
                                : v_grad + (token * $k_heads + head - $qk_heads) * $dim);
        Pack<T, $per> low = *(const $device Pack<T, $per>*)(grad + column);
        Pack<T, $per> high = *(const $device Pack<T, $per>*)(grad + column + $half);
        if (head < $qk_heads) {
            const Pack<T, $per> a = *(const $device Pack<T, $per>*)(qkv + first);
            const Pack<T, $per> b = *(const $device Pack<T, $per>*)(qkv + first + $half);
            const $device T* weight = head < $q_heads ? q_weight : k_weight;
            const unsigned int place = (token % cosine_shape[0]) * $half + column;
            float x[$per];
            float y[$per];
            float total = 0;
            float dot = 0;
            for (int j = 0; j < $per; ++j) {
                const float c = cosine[place + j];
                const float s = sine[place + j];
                x[j] = (float(low.v[j]) * c + float(high.v[j]) * s) * float(weight[column + j]);
                y[j] = (float(high.v[j]) * c - float(low.v[j]) * s) * float(weight[column + j + $half]);
                total += float(a.v[j]) * float(a.v[j]) + float(b.v[j]) * float(b.v[j]);
                dot += float(a.v[j]) * x[j] + float(b.v[j]) * y[j];
            }
            const float inverse = $normed ? $rsqrt($sum(total) / $dim + ${eps}f) : 1.0f;
            const float factor = $normed ? $sum(dot) * inverse * inverse * inverse / $dim : 0.0f;
            for (int j = 0; j < $per; ++j) {
                low.v[j] = T(x[j] * inverse - float(a.v[j]) * factor);
                high.v[j] = T(y[j] * inverse - float(b.v[j]) * factor);
            }
        }
        *($device Pack<T, $per>*)(out + first) = low;
        *($device Pack<T, $per>*)(out + first + $half) = high;
    }
"""
)
