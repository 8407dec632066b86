"""Runs a kernel's text for CUDA on a processor: the 256 threads of a block take turns, from barrier to barrier.

So the indices, sums and shuffles of the kernels are tested where there is no GPU; what a GPU's own compiler makes of
them is tested by core.model.kernels.check, on each GPU before the kernels are used.
"""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.model.kernels.run import KERNELS, source

COMPILER = (shutil.which("g++") or shutil.which("clang++")) if sys.platform == "linux" else None
TYPES = {mx.bfloat16: "__nv_bfloat16", mx.float32: "float", mx.int32: "int"}
HEADER = r"""
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <ucontext.h>
#include <vector>
struct Index { unsigned x; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
Index threadIdx, blockIdx;  // of the thread whose turn it is
const Index blockDim{256};
ucontext_t scheduler, threads[256];
bool done[256];
unsigned slots[8][32][6];
struct Barrier {
    unsigned size, count = 0, times = 0;
    void wait() {
        const unsigned now = times;
        if (++count == size) {
            count = 0;
            ++times;
        }
        while (times == now) { swapcontext(&threads[threadIdx.x], &scheduler); }
    }
};
Barrier block_barrier{256}, warp_barriers[8] = {{32}, {32}, {32}, {32}, {32}, {32}, {32}, {32}};
inline void __syncthreads() { block_barrier.wait(); }
inline void __syncwarp() { warp_barriers[threadIdx.x / 32].wait(); }
struct __nv_bfloat16 {
    uint16_t bits = 0;
    __nv_bfloat16() = default;
    explicit __nv_bfloat16(float x) {
        uint32_t whole;
        std::memcpy(&whole, &x, 4);
        bits = uint16_t((whole + 0x7fff + ((whole >> 16) & 1)) >> 16);
    }
    operator float() const {
        const uint32_t whole = uint32_t(bits) << 16;
        float x;
        std::memcpy(&x, &whole, 4);
        return x;
    }
};
struct __nv_bfloat162 { __nv_bfloat16 x, y; };
inline float2 __bfloat1622float2(__nv_bfloat162 a) { return {a.x, a.y}; }
inline __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b) {
    return {__nv_bfloat16(float(a.x) * float(b.x)), __nv_bfloat16(float(a.y) * float(b.y))};
}
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __shfl_xor_sync(unsigned, float x, int lanes) {
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    std::memcpy(&slots[warp][lane][0], &x, 4);
    __syncwarp();
    std::memcpy(&x, &slots[warp][lane ^ lanes][0], 4);
    __syncwarp();
    return x;
}
inline float half_of(unsigned pair, unsigned k) {
    __nv_bfloat16 x;
    x.bits = uint16_t(pair >> (16 * (k % 2)));
    return x;
}
// m16n8k16 as PTX defines it: a, b, c, d hold rows g and g + 8 at the columns 2 t and 2 t + 8; e, f the column g.
inline void tensor_product(__nv_bfloat16, float* sums, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e,
                           unsigned f) {
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const unsigned own[6] = {a, b, c, d, e, f};
    std::memcpy(slots[warp][lane], own, sizeof(own));
    __syncwarp();
    for (int n = 0; n < 4; ++n) {
        const unsigned row = lane / 4 + 8 * (n / 2), column = lane % 4 * 2 + n % 2;
        for (unsigned k = 0; k < 16; ++k) {
            const unsigned left = row % 8 * 4 + k % 8 / 2, right = column * 4 + k % 8 / 2;
            sums[n] += half_of(slots[warp][left][row / 8 + 2 * (k / 8)], k) * half_of(slots[warp][right][4 + k / 8], k);
        }
    }
    __syncwarp();
}
inline float sum_of_squares(__nv_bfloat16, uint4 x) {
    float total = 0;
    for (int i = 0; i < 4; ++i) {
        const float2 pair = __bfloat1622float2(((__nv_bfloat162*)&x)[i]);
        total += pair.x * pair.x + pair.y * pair.y;
    }
    return total;
}
inline uint4 multiply(__nv_bfloat16, uint4 x, uint4 y) {
    for (int i = 0; i < 4; ++i) {
        ((__nv_bfloat162*)&x)[i] = __hmul2(((__nv_bfloat162*)&x)[i], ((__nv_bfloat162*)&y)[i]);
    }
    return x;
}
inline unsigned transpose(unsigned pair) {
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    slots[warp][lane][0] = pair;
    __syncwarp();
    const unsigned low = slots[warp][lane % 4 * 8 + lane / 8][0], high = slots[warp][lane % 4 * 8 + 4 + lane / 8][0];
    __syncwarp();
    const unsigned shift = lane / 4 % 2 * 16;
    return (low >> shift & 0xffff) | (high >> shift & 0xffff) << 16;
}
inline unsigned as_pair(__nv_bfloat16 x, __nv_bfloat16 y) { return x.bits | unsigned(y.bits) << 16; }
// Copies into shared memory happen as late as they may: when a thread waits for the group that they are of.
struct Copy {
    char* to;
    const void* from;
};
struct Range { const char *begin, *end; };
std::vector<Range> given;  // the arrays
char *room_begin, *room_end;
std::deque<std::vector<Copy>> copies[256];
std::vector<Copy> open_copies[256];
inline unsigned shared_address(const void* place) { return unsigned((char*)place - room_begin); }
inline void copy_later(unsigned address, const void* from) {
    bool inside = false;
    for (const Range& range : given) { inside |= range.begin <= from && (const char*)from + 16 <= range.end; }
    if (!inside || room_begin + address + 16 > room_end) { std::abort(); }
    open_copies[threadIdx.x].push_back({room_begin + address, from});
}
inline void end_copies() {
    copies[threadIdx.x].push_back(open_copies[threadIdx.x]);
    open_copies[threadIdx.x].clear();
}
template <int N> inline void await_copies() {
    for (; copies[threadIdx.x].size() > N; copies[threadIdx.x].pop_front()) {
        for (const Copy& copy : copies[threadIdx.x].front()) { std::memcpy(copy.to, copy.from, 16); }
    }
}
inline float warp_shuffle(float x, int lanes) { return __shfl_xor_sync(0, x, lanes); }
inline float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) { x += warp_shuffle(x, step); }
    return x;
}
template <typename T, int N> struct alignas(N * sizeof(T)) Pack { T v[N]; };
"""


def emulate(
    folder: Path, name: str, values: dict[str, Any], inputs: list[mx.array], threads: int, outputs: list[Any],
    shared: int = 0,
) -> list[mx.array]:  # fmt: skip
    """core.model.kernels.run.run() on a processor, for inputs in float32 or bfloat16 (and the indices int32)."""
    _, names, results = KERNELS[name]
    types, out_types = [TYPES[array.dtype] for array in inputs], [TYPES[dtype] for _, dtype in outputs]
    arguments = [f"const {t}* {n}, const int* {n}_shape" for t, n in zip(types, names, strict=True)]
    arguments += [f"{t}* {n}" for t, n in zip(out_types, results, strict=True)]
    text = source(name, "cuda", tuple(sorted(values.items())))
    text = text.replace("extern __shared__ uint4 room[];", "uint4* room = (uint4*)room_begin;")
    text = text.replace("__shared__", "static")
    given = [f"(const {t}*)a[{2 * i}], (const int*)a[{2 * i + 1}]" for i, t in enumerate(types)]
    given += [f"({t}*)a[{2 * len(types) + i}]" for i, t in enumerate(out_types)]
    program = (
        f"{HEADER}\nusing T = {types[0]};\nvoid kernel({', '.join(arguments)}) {{\n{text}\n}}\n"
        "void** a;\n"
        "void begin() {\n"
        f"    kernel({', '.join(given)});\n"
        "    done[threadIdx.x] = true;\n"
        "}\n"
        'extern "C" void run(void** arrays, const long* sizes, unsigned blocks) {\n'
        "    a = arrays;\n"
        f"    for (int i = 0; i < {len(types)}; ++i) {{\n"
        "        given.push_back({(char*)a[2 * i], (char*)a[2 * i] + sizes[i]});\n"
        "    }\n"
        "    std::vector<char> stacks(256 << 16);\n"
        f"    std::vector<uint4> room({shared // 16});\n"
        "    room_begin = (char*)room.data();\n"
        "    room_end = room_begin + 16 * room.size();\n"
        "    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {\n"
        "        std::memset(room_begin, 0xff, 16 * room.size());\n"
        "        for (unsigned t = 0; t < 256; ++t) {\n"
        "            done[t] = false;\n"
        "            getcontext(&threads[t]);\n"
        "            threads[t].uc_stack.ss_sp = &stacks[t << 16];\n"
        "            threads[t].uc_stack.ss_size = 1 << 16;\n"
        "            threads[t].uc_link = &scheduler;\n"
        "            makecontext(&threads[t], begin, 0);\n"
        "        }\n"
        "        for (unsigned left = 256; left > 0;) {\n"
        "            for (threadIdx.x = 0; threadIdx.x < 256; ++threadIdx.x) {\n"
        "                if (done[threadIdx.x]) { continue; }\n"
        "                swapcontext(&scheduler, &threads[threadIdx.x]);\n"
        "                left -= done[threadIdx.x];\n"
        "            }\n"
        "        }\n"
        "    }\n"
        "}\n"
    )
    (folder / f"{name}.cpp").write_text(program, encoding="utf-8")
    library = folder / f"{name}-{len(list(folder.iterdir()))}.so"
    assert COMPILER
    command = [COMPILER, "-std=c++20", "-O1", "-w", "-shared", "-fPIC", f"{folder}/{name}.cpp", "-o"]
    subprocess.run([*command, str(library)], check=True)
    arrays = [_aligned(array) for array in inputs]
    shapes = [np.array(array.shape, np.int32) for array in inputs]
    made = [_aligned(mx.zeros(shape, dtype)) for shape, dtype in outputs]
    pointers = [a.ctypes.data for pair in zip(arrays, shapes, strict=True) for a in pair]
    pointers += [array.ctypes.data for array in made]
    blocks = -(-threads // 256)
    sizes = (ctypes.c_long * len(arrays))(*(array.nbytes for array in arrays))
    ctypes.CDLL(str(library)).run((ctypes.c_void_p * len(pointers))(*pointers), sizes, blocks)
    return [_as_mlx(array, dtype, shape) for array, (shape, dtype) in zip(made, outputs, strict=True)]


def _aligned(array: mx.array) -> np.ndarray:
    """The numbers of an array, at an address that a load of 32 bytes can have; those of bfloat16 by their bits."""
    numbers = np.array(array.view(mx.uint16) if array.dtype == mx.bfloat16 else array)
    room = np.zeros(numbers.nbytes + 64, np.uint8)
    first = -room.ctypes.data % 64
    place = room[first : first + numbers.nbytes].view(numbers.dtype).reshape(numbers.shape)
    place[...] = numbers
    return place


def _as_mlx(array: np.ndarray, dtype: mx.Dtype, shape: tuple[int, ...]) -> mx.array:
    made = mx.array(array).reshape(shape)
    return made.view(mx.bfloat16) if dtype == mx.bfloat16 else made
