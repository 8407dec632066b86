"""The text of the kernel that samples the next token of each row: see core.model.kernels.texts."""

from string import Template

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
