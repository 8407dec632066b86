"""The text of the kernel for a linear layer of one token of each row, with its adapter: for CUDA alone."""

from string import Template

# tensor_product: sums [16, 8] += left [16, 16] right [16, 8], of whose numbers each lane has its share.
TENSOR_HEADER = "".join(
    f"""
__device__ inline void tensor_product({name}, float* sums, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e,
                                      unsigned f) {{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.{kind}.{kind}.f32 {{%0, %1, %2, %3}}, {{%4, %5, %6, %7}}, {{%8, %9}}, "
        "{{%0, %1, %2, %3}};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f));
}}
__device__ inline float sum_of_squares({name}, uint4 x) {{
    float total = 0;
    for (int i = 0; i < 4; ++i) {{
        const float2 pair = {as_float}((({name}2*)&x)[i]);
        total += pair.x * pair.x + pair.y * pair.y;
    }}
    return total;
}}
__device__ inline uint4 multiply({name}, uint4 x, uint4 y) {{
    for (int i = 0; i < 4; ++i) {{ (({name}2*)&x)[i] = __hmul2((({name}2*)&x)[i], (({name}2*)&y)[i]); }}
    return x;
}}
"""
    for name, kind, as_float in (("__nv_bfloat16", "bf16", "__bfloat1622float2"), ("__half", "f16", "__half22float2"))
)
# y [N, out] = x weight^T + (x a^T) b + bias, for a [layers * rank, in] and b [layers * rank, out]; before it the
# RMSNorm of x ($normed), after it silu(gate) up ($gated: the first half of the outputs is the gate, the second is up)
# and a sum with the residual stream ($added). A group has $tile columns, of one layer or half of them of each, and
# $rows rows: eight warps, four for parts of the sum by two for halves of the rows. As the order in a sum is free, a
# lane takes eight numbers in a row, which are its shares of two products of the hardware's. What a row is divided by
# in the norm is known at the end of the sum, and multiplies its result.
TOKEN_PRODUCT = Template("""
    const unsigned int lane = threadIdx.x % 32;
    const unsigned int part = threadIdx.x / 32 % 4;
    const unsigned int half = threadIdx.x / 128;
    const unsigned int tile = blockIdx.x % $tiles;
    const unsigned int first = blockIdx.x / $tiles * $rows;
    const unsigned int count = x_shape[0];
    const unsigned int begin = 32 * part + 8 * (lane % 4);
    const unsigned int own = $gated ? $tile / 2 : $tile;
    const unsigned int adapter = $gated ? 0 : ((tile * $tile >= $second) + (tile * $tile >= $third)) * $rank;
    auto column = [&](unsigned int k) { return k < own ? tile * own + k : $outer / 2 + tile * own + k - own; };
    __shared__ float factors[$rank * $tile + 1];
    for (unsigned int i = threadIdx.x; i < $rank * $tile; i += 256) {
        const unsigned int k = i % $tile;
        factors[i] = b[(adapter + (k < own ? 0 : $rank) + i / $tile) * $outer + column(k)];
    }
    const T* rows[$rows / 16];
    const T* columns[$width / 8];
    for (int i = 0; i < $rows / 16; ++i) {
        const unsigned int row = first + half * ($rows / 2) + 8 * i + lane / 4;
        rows[i] = x + (row < count ? row : count - 1) * $inner + begin;
    }
    for (int j = 0; j < $width / 8; ++j) {
        const unsigned int k = 8 * j + lane / 4;
        columns[j] = (k < $tile ? weight + (unsigned long)column(k) * $inner
                                : a + (adapter + k - $tile) * $inner) + begin;
    }
    // All of the weight is asked for at once, which the registers have no room for.
    for (unsigned int i = threadIdx.x; i < $tile * $inner / 64; i += 256) {
        const T* line = weight + (unsigned long)column(i / ($inner / 64)) * $inner + i % ($inner / 64) * 64;
        asm volatile("prefetch.global.L2 [%0];" ::"l"(line));
    }
    float sums[$rows / 32][$width / 8][4] = {};
    float squares[$rows / 16] = {};
    for (unsigned int k = 0; k < $inner; k += 128 * $ahead) {
        uint4 left[$ahead][$rows / 16];
        uint4 right[$ahead][$width / 8];
        for (int u = 0; u < $ahead; ++u) {
            for (int j = 0; j < $width / 8; ++j) { right[u][j] = *(const uint4*)(columns[j] + k + 128 * u); }
            for (int i = 0; i < $rows / 16; ++i) { left[u][i] = *(const uint4*)(rows[i] + k + 128 * u); }
        }
        for (int u = 0; u < $ahead; ++u) {
            if ($normed) {
                const uint4 scale = *(const uint4*)(norm + begin + k + 128 * u);
                for (int i = 0; i < $rows / 16; ++i) {
                    squares[i] += sum_of_squares(T(), left[u][i]);
                    left[u][i] = multiply(T(), left[u][i], scale);
                }
            }
            for (int i = 0; i < $rows / 32; ++i) {
                for (int j = 0; j < $width / 8; ++j) {
                    const uint4 low = left[u][2 * i];
                    const uint4 high = left[u][2 * i + 1];
                    tensor_product(T(), sums[i][j], low.x, high.x, low.y, high.y, right[u][j].x, right[u][j].y);
                    tensor_product(T(), sums[i][j], low.z, high.z, low.w, high.w, right[u][j].z, right[u][j].w);
                }
            }
        }
    }
    __shared__ float norms[4][$rows];
    if ($normed) {
        for (int i = 0; i < $rows / 16; ++i) {
            squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], 1);
            squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], 2);
            if (lane % 4 == 0) { norms[part][half * ($rows / 2) + 8 * i + lane / 4] = squares[i]; }
        }
    }
    __shared__ float shared[2][$rows * $width];
    for (unsigned int step = 2; step > 0; step /= 2) {
        const bool gives = part >= step && part < 2 * step;
        for (int pass = 0; pass < 2; ++pass) {
            #pragma unroll
            for (int i = 0; i < $rows / 32; ++i) {
                #pragma unroll
                for (int j = 0; j < $width / 8; ++j) {
                    for (int n = 0; n < 4; ++n) {
                        float* slot = &shared[part % step][((i * ($width / 8) + j) * 4 + n) * 64 + half * 32 + lane];
                        if (pass == 0 && gives) { *slot = sums[i][j][n]; }
                        if (pass == 1 && part < step) { sums[i][j][n] += *slot; }
                    }
                }
            }
            __syncthreads();
        }
    }
    if (part == 0) {
        #pragma unroll
        for (int i = 0; i < $rows / 32; ++i) {
            #pragma unroll
            for (int j = 0; j < $width / 8; ++j) {
                for (int n = 0; n < 4; ++n) {
                    const unsigned int row = half * ($rows / 2) + 16 * i + lane / 4 + n / 2 * 8;
                    shared[0][row * $width + 8 * j + lane % 4 * 2 + n % 2] = sums[i][j][n];
                }
            }
        }
    }
    __syncthreads();
    for (unsigned int i = threadIdx.x; i < $rows * own; i += 256) {
        const unsigned int row = i / own;
        if (first + row < count) {
            const float total = norms[0][row] + norms[1][row] + norms[2][row] + norms[3][row];
            const float inverse = $normed ? rsqrtf(total / $inner + ${eps}f) : 1.0f;
            float y[2];
            for (unsigned int h = 0; h < $tile / own; ++h) {
                const unsigned int k = i % own + h * own;
                y[h] = shared[0][row * $width + k];
                for (int r = 0; r < $rank; ++r) {
                    y[h] += shared[0][row * $width + $tile + h * $rank + r] * factors[r * $tile + k];
                }
                y[h] = y[h] * inverse + ($biased ? float(bias[column(k)]) : 0.0f);
            }
            const unsigned int at = (first + row) * ($outer / $tile * own) + tile * own + i % own;
            const float given = $gated ? y[0] / (1.0f + __expf(-y[0])) * y[1] : y[0];
            out[at] = T(given + ($added ? float(residual[at]) : 0.0f));
        }
    }
""")
