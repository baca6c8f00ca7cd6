#include <regulus/core/tensor.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

using namespace regulus;

TEST_CASE("tensor: one made by default is empty") {
    const Tensor tensor;
    CHECK(tensor.empty());
    CHECK(tensor.numel() == 0);
    CHECK(tensor.bytes() == 0);
    CHECK(tensor.raw() == nullptr);
    CHECK(tensor.shape() == Shape{0});
}

TEST_CASE("tensor: counts elements and bytes, aligned to 64") {
    for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::u8, DType::i64}) {
        const Tensor tensor({3, 5, 7}, dtype);
        CHECK(tensor.numel() == 105);
        CHECK(tensor.bytes() == 105 * size_of(dtype));
        CHECK(reinterpret_cast<std::uintptr_t>(tensor.raw()) % Tensor::alignment == 0);
    }
}

TEST_CASE("tensor: a scalar has one element, an empty one has memory to point at") {
    CHECK(Tensor(Shape{}, DType::f64).bytes() == 8);
    const Tensor none({0, 4}, DType::f32);
    CHECK(none.empty());
    CHECK(none.raw() != nullptr);
    CHECK(none.clone().shape() == Shape{0, 4});
}

TEST_CASE("tensor: zeros are zero in every element type") {
    const Tensor floats = Tensor::zeros({33});
    for (int i = 0; i < 33; ++i) CHECK(floats.data<float>()[i] == 0.0f);
    const Tensor integers = Tensor::zeros({17}, DType::i64);
    for (int i = 0; i < 17; ++i) CHECK(integers.data<std::int64_t>()[i] == 0);
}

TEST_CASE("tensor: elements are given out as their own type only") {
    Tensor tensor = Tensor::zeros({2}, DType::f16);
    CHECK_THROWS_WITH_AS(tensor.data<float>(), "tensor: elements are float16, asked for float32", ShapeError);
    CHECK_THROWS_AS(std::as_const(tensor).data<std::uint16_t>(), ShapeError);
    CHECK_NOTHROW(Tensor({2}, DType::boolean).data<bool>());
}

TEST_CASE("tensor: copies share the elements, clones do not") {
    Tensor first = Tensor::zeros({4});
    const Tensor second = first;
    const Tensor third = first.clone();
    first.data<float>()[2] = 5;
    CHECK(second.data<float>()[2] == 5);
    CHECK(third.data<float>()[2] == 0);
    CHECK(third.raw() != first.raw());
}

TEST_CASE("tensor: reshaping keeps the elements and refuses another count") {
    Tensor flat = Tensor::zeros({12});
    for (int i = 0; i < 12; ++i) flat.data<float>()[i] = float(i);
    const Tensor matrix = flat.reshaped({3, 4});
    CHECK(matrix.shape() == Shape{3, 4});
    CHECK(matrix.raw() == flat.raw());
    CHECK(matrix.data<float>()[4 * 2 + 1] == 9);
    CHECK(flat.shape() == Shape{12});
    CHECK_THROWS_WITH_AS(flat.reshaped({5, 2}), "reshape: [12] has other elements than [5, 2]", ShapeError);
}

TEST_CASE("tensor: a view keeps the owner of its memory alive") {
    auto memory = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
    const std::weak_ptr<std::vector<float>> watched = memory;
    const float* const begin = memory->data();
    Tensor view({2}, DType::f32, begin + 1, std::move(memory));
    Tensor copy = view;
    CHECK(copy.data<float>()[0] == 2);
    CHECK(copy.data<float>()[1] == 3);
    view = Tensor();
    CHECK(!watched.expired());
    copy = Tensor();
    CHECK(watched.expired());
}

TEST_CASE("tensor: sizes that no memory can hold are refused before any is taken") {
    CHECK_THROWS_AS(Tensor({INT64_MAX, 2}, DType::u8), ShapeError);
    CHECK_THROWS_WITH_AS(Tensor({std::int64_t{1} << 61, 2}, DType::f32), "tensor: [2305843009213693952, 2] does not fit the address space", ShapeError);
    CHECK_THROWS_AS(Tensor({INT64_MAX}, DType::f64), ShapeError);
}
