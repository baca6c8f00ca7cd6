#pragma once
// Large matrix products in seven eighths of the multiplications: by Strassen's algorithm, in Winograd's form with fifteen additions, one level deep.
//
// Rows, depth and columns are halved. What is made of the quarters of b is shared by all rows of a task; rows are taken a few at a time, so that what is made
// of them stays in the caches. Errors are twice those of plain sums (rms 1.0e-6 of the deviation at a depth of 1024, not 0.5e-6).
// Sources: Strassen, Gaussian elimination is not optimal, Numerische Mathematik 13, 1969; Higham, Accuracy and Stability of Numerical Algorithms, 23.
#include <array>

#include <regulus/cpu/matrix-impl.hpp>

#define REGULUS_SIMD_NAME strassen
#define REGULUS_SIMD_SOURCE <regulus/cpu/strassen.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// The additions for one instruction set, and the matrix product of the same.
struct StrassenFunctions {
    MatrixFunctions matrix;
    void (*combine_weights)(const float* b, std::int64_t depth, std::int64_t half_width, std::int64_t panel, float* planes);
    void (*combine_rows)(const float* a, std::int64_t pitch, std::int64_t top, std::int64_t bottom, std::int64_t depth, float* planes, std::int64_t plane_pitch, std::int64_t plane);
    void (*finish_quarter)(const MatrixProduct& c, const float* u, const float* p, float* w);
};

inline const StrassenFunctions& strassen_functions() {
#if defined(__x86_64__)
    static constexpr StrassenFunctions avx512{
        {matrix_avx512::lanes, matrix_avx512::multiply}, strassen_avx512::combine_weights, strassen_avx512::combine_rows, strassen_avx512::finish_quarter};
    static constexpr StrassenFunctions avx2{{matrix_avx2::lanes, matrix_avx2::multiply}, strassen_avx2::combine_weights, strassen_avx2::combine_rows, strassen_avx2::finish_quarter};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr StrassenFunctions baseline{
        {matrix_baseline::lanes, matrix_baseline::multiply}, strassen_baseline::combine_weights, strassen_baseline::combine_rows, strassen_baseline::finish_quarter};
    return baseline;
}

/// c [rows, width] = activation(a [rows, depth] . b [depth, width] [+ addend] [+ bias]) for one depth and width and at most `rows` rows at a time. A row's
/// sums depend in their last bits on which rows it is taken with, and what is not finite spreads to some of them.
class StrassenProduct {
public:
    /// Halves of whole vectors, and of panels of two vectors, whatever the instruction set.
    static bool applies(std::int64_t depth, std::int64_t width) { return depth % 32 == 0 && width % 64 == 0; }

    StrassenProduct() = default;
    StrassenProduct(std::int64_t depth, std::int64_t width, std::int64_t rows, const StrassenFunctions& functions = strassen_functions())
        : functions_(&functions), depth_(depth / 2), width_(width / 2), pitch_(depth_ + gap), plane_((rows + 1) / 2 * pitch_ + gap), quarter_((rows + 1) / 2 * width_) {}

    /// Of the memory that both calls get.
    std::int64_t floats() const { return 4 * depth_ * width_ + 7 * plane_ + 3 * quarter_; }

    /// What the products with this b share: b in one slice, its bytes not to be changed meanwhile.
    void set_weights(const float* b, float* memory) const { functions_->combine_weights(b, depth_, width_, 2 * functions_->matrix.lanes, memory); }

    /// The product, whose b set_weights() has had. c, addend, bias, relu and streams mean what they mean there.
    void multiply(const MatrixProduct& whole, float* memory) const {
        static constexpr std::array<std::int64_t, 2> half{0, 1};  // of the depth
        const std::int64_t top = (whole.rows + 1) / 2, bottom = whole.rows - top;
        float *const combined = memory, *const planes = combined + 4 * depth_ * width_, *const u = planes + 7 * plane_, *const v = u + quarter_, *const w = v + quarter_;
        functions_->combine_rows(whole.a, whole.a_pitch, top, bottom, depth_, planes, pitch_, plane_);

        MatrixProduct product;
        product.a_pitch = pitch_;
        product.depth = depth_;
        product.width = product.stored = width_;
        product.streams = whole.streams;
        const auto rows_of = [&](int plane) { product.a = planes + plane * plane_; };
        const auto quarter_of_b = [&](int y, int x) {
            product.b = whole.b + x * 2 * depth_ * width_;
            product.b_taps = 2;
            product.b_slices = &half[std::size_t(y)];
        };
        const auto combination_of_b = [&](int i) {
            product.b = combined + i * depth_ * width_;
            product.b_taps = 1;
            product.b_slices = &MatrixProduct::nowhere;
        };
        const auto make = [&](float* c, const float* addend) {
            product.rows = top;
            product.c = c;
            product.c_pitch = product.addend_pitch = width_;
            product.addend = addend;
            product.also = nullptr;
            product.bias = nullptr;
            product.relu = false;
            functions_->matrix.multiply(product);
        };
        const auto place = [&](int y, int x) {  // quarter (y, x) of c
            product.rows = y == 0 ? top : bottom;
            product.c = whole.c + y * top * whole.c_pitch + x * width_;
            product.c_pitch = whole.c_pitch;
            product.addend = whole.addend == nullptr ? nullptr : whole.addend + y * top * whole.addend_pitch + x * width_;
            product.addend_pitch = whole.addend_pitch;
            product.bias = whole.bias == nullptr ? nullptr : whole.bias + x * width_;
            product.relu = whole.relu;
        };
        const auto make_quarter = [&](int y, int x, const float* also) {
            place(y, x);
            product.also = also;
            product.also_pitch = width_;
            functions_->matrix.multiply(product);
        };

        rows_of(0), quarter_of_b(0, 0), make(u, nullptr);          // a11 b11
        rows_of(1), quarter_of_b(1, 0), make_quarter(0, 0, u);     // + a12 b21: c11
        rows_of(4), combination_of_b(1), make(u, u);               // u = a11 b11 + s2 t2
        rows_of(3), combination_of_b(0), make(v, u);               // v = u + s1 t1
        rows_of(6), quarter_of_b(1, 1), make_quarter(0, 1, v);     // + s4 b22: c12
        rows_of(5), combination_of_b(2), make(w, nullptr);         // s3 t3
        place(1, 1), functions_->finish_quarter(product, v, w, u);  // v + s3 t3: c22; u += s3 t3
        rows_of(2), combination_of_b(3), make_quarter(1, 0, u);    // u - a22 t4: c21
    }

private:
    static constexpr std::int64_t gap = 16;  // floats; else rows and planes would fall into the same lines of the cache

    const StrassenFunctions* functions_ = nullptr;
    std::int64_t depth_ = 0, width_ = 0, pitch_ = 0, plane_ = 0, quarter_ = 0;
};

}  // namespace regulus::cpu
