"""The text of the kernel for a linear layer of one token of each row, with its adapter: for CUDA alone."""

from string import Template

# y [N, out] = x weight^T + (x a^T) b + bias, for a [layers * rank, in] and b [layers * rank, out]; before it the
# RMSNorm of x ($normed), after it silu(gate) up ($gated: the first half of the outputs is the gate, the second is up)
# and a sum with the residual stream ($added). A group has $tile columns, of one layer or half of them of each, and
# $rows rows: eight warps, $parts for parts of the sum of every 16 rows. Its rows, its columns, the rows of a and the
# norm's weight are $lines lines, of which $pieces pieces of eight numbers each make a step, and $stages steps lie in
# shared memory. As the order in a sum is free, a lane takes eight numbers in a row, which are its shares of two
# products of the hardware's; in odd lines the halves of each eight pieces change places, so that a load meets each bank
# of the shared memory once. What a row is divided by in the norm is known at the end of the sum, and multiplies its
# result. The sums of x a^T lie as the hardware wants them for the product with b, as two numbers each: one of type T
# and what it lacks.
TOKEN_PRODUCT = Template("""
    const unsigned int lane = threadIdx.x % 32;
    const unsigned int part = threadIdx.x / 32 % $parts;
    const unsigned int block = threadIdx.x / (32 * $parts) * 16 + lane / 4;  // this lane's first row; the other is 8 on
    const unsigned int tile = blockIdx.x % $tiles;
    const unsigned int first = blockIdx.x / $tiles * $rows;
    const unsigned int count = x_shape[0];
    const unsigned int own = $gated ? $tile / 2 : $tile;
    const unsigned int adapter = $gated ? 0 : ((tile * $tile >= $second) + (tile * $tile >= $third)) * $rank;
    auto column = [&](unsigned int k) { return k < own ? tile * own + k : $outer / 2 + tile * own + k - own; };
    extern __shared__ uint4 room[];
    uint4* spare = room + $stages * $lines * $pieces;  // for what b has to do with these columns
    const unsigned int address = shared_address(room);
    const unsigned int piece = threadIdx.x % $pieces;
    const unsigned int turn = threadIdx.x / $pieces;
    const T* sources[$copies];
    #pragma unroll
    for (int n = 0; n < $copies; ++n) {
        const unsigned int line = $rows / 2 * n + turn;
        const unsigned int k = line - $rows;
        const T* source = norm;
        if (n < 2) {
            source = x + (first + line < count ? first + line : count - 1) * $inner;
        } else if (k < $tile) {
            source = weight + (unsigned long)column(k) * $inner;
        } else if (k < $width) {
            source = a + (adapter + k - $tile) * $inner;
        }
        sources[n] = source + 8 * piece;
    }
    for (unsigned int i = threadIdx.x; i < $narrow * $tile / 8; i += 256) {
        const unsigned int k = i % ($tile / 8) * 8;
        copy_later(shared_address(spare + i), b + (adapter + i / ($tile / 8)) * $outer + column(k));
    }
    const unsigned int ring = $stages * $lines * $pieces;
    unsigned int filled = turn * $pieces + (piece ^ (turn % 2 * 4));  // what this thread fills next
    auto copy = [&](bool more) {
        #pragma unroll
        for (int n = 0; n < $copies; ++n) {
            if (more && $rows / 2 * n + turn < $lines) {
                copy_later(address + 16 * (filled + $rows / 2 * n * $pieces), sources[n]);
                sources[n] += 8 * $pieces;
            }
        }
        end_copies();
        filled += $lines * $pieces;
        filled -= filled < ring ? 0 : ring;
    };
    for (unsigned int step = 0; step < $stages - 1; ++step) { copy(true); }
    // What comes after the sum is fetched while it is made, by the warps that end with it.
    const unsigned int pair = lane % 4 * 2;
    auto place = [&](unsigned int row, unsigned int j) {
        return row * ($outer / $tile * own) + tile * own + 8 * j + pair;
    };
    unsigned int residuals[2][$tile / 8];
    #pragma unroll
    for (int n = 0; n < 2; ++n) {
        const unsigned int row = first + block + 8 * n;
        #pragma unroll
        for (int j = 0; j < own / 8; ++j) {
            const bool wanted = $added && part == 0 && row < count;
            residuals[n][j] = wanted ? *(const unsigned int*)(residual + place(row, j)) : 0;
        }
    }
    alignas(16) float sums[$width / 8][4] = {};
    float squares[2] = {};
    const unsigned int at = (4 * part + lane % 4) ^ (lane / 4 % 2 * 4);
    const uint4* lines = room;
    #pragma unroll 1
    for (unsigned int step = 0; step < $steps; ++step) {
        await_copies<$stages - 2>();
        __syncthreads();
        copy(step + $stages <= $steps);
        uint4 left[2] = {lines[block * $pieces + at], lines[(block + 8) * $pieces + at]};
        if ($normed) {
            const uint4 scale = lines[($lines - 1) * $pieces + ((4 * part + lane % 4) ^ (($lines - 1) % 2 * 4))];
            for (int n = 0; n < 2; ++n) {
                squares[n] += sum_of_squares(T(), left[n]);
                left[n] = multiply(T(), left[n], scale);
            }
        }
        #pragma unroll
        for (int j = 0; j < $width / 8; ++j) {
            const uint4 right = lines[($rows + 8 * j + lane / 4) * $pieces + at];
            tensor_product(T(), sums[j], left[0].x, left[1].x, left[0].y, left[1].y, right.x, right.y);
            tensor_product(T(), sums[j], left[0].z, left[1].z, left[0].w, left[1].w, right.z, right.w);
        }
        lines = lines + $lines * $pieces == room + ring ? room : lines + $lines * $pieces;
    }
    await_copies<0>();
    __syncthreads();
    for (int n = 0; n < 2 * $normed; ++n) {
        squares[n] += __shfl_xor_sync(0xffffffffu, squares[n], 1);
        squares[n] += __shfl_xor_sync(0xffffffffu, squares[n], 2);
    }
    // Half of the parts give their sums to the others, until one has all.
    float4* slots = (float4*)room + threadIdx.x / (32 * $parts) * ($parts / 2) * ($width / 8 + 1) * 32 + lane;
    #pragma unroll
    for (int step = $parts / 2; step > 0; step /= 2) {
        float4* slot = slots + part % step * ($width / 8 + 1) * 32;
        if (part >= step && part < 2 * step) {
            #pragma unroll
            for (int j = 0; j < $width / 8; ++j) { slot[32 * j] = *(float4*)sums[j]; }
            if ($normed) { slot[$width / 8 * 32] = {squares[0], squares[1], 0, 0}; }
        }
        __syncthreads();
        if (part < step) {
            #pragma unroll
            for (int j = 0; j < $width / 8; ++j) {
                const float4 given = slot[32 * j];
                sums[j][0] += given.x;
                sums[j][1] += given.y;
                sums[j][2] += given.z;
                sums[j][3] += given.w;
            }
            if ($normed) {
                const float4 given = slot[$width / 8 * 32];
                squares[0] += given.x;
                squares[1] += given.y;
            }
        }
        __syncthreads();
    }
    if (part > 0) { return; }
    #pragma unroll
    for (int r = 0; r < $narrow; r += 8) {
        unsigned int narrow[2][2];
        for (int n = 0; n < 2; ++n) {
            const float* sum = sums[($tile + r) / 8] + 2 * n;
            narrow[0][n] = as_pair(T(sum[0]), T(sum[1]));
            narrow[1][n] = as_pair(T(sum[0] - float(T(sum[0]))), T(sum[1] - float(T(sum[1]))));
        }
        #pragma unroll
        for (int j = 0; j < own / 8; ++j) {
            const unsigned int k = j + (r >= $rank ? own / 8 : 0);
            const T* factor = (const T*)spare + (r + pair) * $tile + 8 * k + lane / 4;
            const unsigned int factors = as_pair(factor[0], factor[$tile]);
            for (int n = 0; n < 2; ++n) {
                tensor_product(T(), sums[k], narrow[n][0], narrow[n][1], 0, 0, factors, 0);
            }
        }
    }
    #pragma unroll
    for (int n = 0; n < 2; ++n) {
        const unsigned int row = first + block + 8 * n;
        const float inverse = $normed ? rsqrtf(squares[n] / $inner + ${eps}f) : 1.0f;
        #pragma unroll
        for (int j = 0; j < own / 8; ++j) {
            T results[2];
            for (int m = 0; m < 2; ++m) {
                float y[2];
                for (int h = 0; h < $tile / own; ++h) {
                    y[h] = sums[j + h * (own / 8)][2 * n + m] * inverse;
                    if ($biased) { y[h] += float(bias[column(h * own + 8 * j + pair + m)]); }
                }
                const float given = $gated ? y[0] / (1.0f + __expf(-y[0])) * y[1] : y[0];
                results[m] = T($added ? given + float(((const T*)&residuals[n][j])[m]) : given);
            }
            if (row < count) { *(unsigned int*)(out + place(row, j)) = as_pair(results[0], results[1]); }
        }
    }
""")
