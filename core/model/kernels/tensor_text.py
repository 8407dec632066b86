"""What the texts for CUDA alone have in common: tensor cores, and copies into shared memory that nobody waits for."""

# tensor_product: sums [16, 8] += left [16, 16] right [16, 8], of whose numbers each lane has its share.
_TENSORS = "".join(
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
__device__ inline unsigned as_pair({name} x, {name} y) {{
    const {name}2 pair = {{x, y}};
    return *(const unsigned*)&pair;
}}
"""
    for name, kind, as_float in (("__nv_bfloat16", "bf16", "__bfloat1622float2"), ("__half", "f16", "__half22float2"))
)
# Copies of 16 bytes each from the GPU's memory into shared memory, which a thread does not wait for.
_COPIES = """
__device__ inline unsigned shared_address(const void* place) { return (unsigned)__cvta_generic_to_shared(place); }
__device__ inline void copy_later(unsigned address, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from));
}
__device__ inline void end_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ inline void await_copies() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }
"""
# Of 8 by 8 numbers, of which lane 4 i + j has two of row i, it gets the two of column i in rows 2 j and 2 j + 1.
_TRANSPOSE = """
__device__ inline unsigned transpose(unsigned pair) {
    unsigned other;
    asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(other) : "r"(pair));
    return other;
}
"""
HEADER = _TENSORS + _COPIES + _TRANSPOSE
