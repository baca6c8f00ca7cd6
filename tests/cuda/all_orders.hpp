#pragma once
// A graph on the emulated device in every order of threads and over every kind of garbage in its memory, against the reference backend.
#include "cuda/emulated_device.hpp"
#include "reference/graph_support.hpp"

#include <regulus/cuda.hpp>

namespace regulus::testing {

/// The first run, the captured one and replays give the same bits whatever the arena held before, and what the reference gives: float32 within `limit`, integers
/// exactly.
inline void check_all_orders(const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, double limit) {
    EmulatedDevice device;
    const auto libraries = device.libraries();
    const Outputs expected = run<float>(graph, weights, inputs);
    std::vector<Outputs> first;
    for (const ThreadOrder order : {ThreadOrder::forwards, ThreadOrder::backwards, ThreadOrder::interleaved}) {
        device.order = order;
        const Program program(CudaBackend({.cudnn = false}, libraries), graph, weights);
        Context context;
        for (const unsigned char garbage : {0xFF, 0x7F, 0x00, 0x81}) {  // NaN and -1, huge numbers, zeros, tiny and very negative numbers
            const Outputs got = program.run(context, inputs);
            device.scribble(garbage);
            REQUIRE(got.entries().size() == expected.entries().size());
            for (std::size_t i = 0; i < got.entries().size(); ++i) {
                const std::string& name = got.entries()[i].first;
                const Tensor& tensor = got.entries()[i].second;
                const Tensor& wanted = expected.entries()[i].second;
                INFO("output " << name << " order " << int(order) << " before " << int(garbage));
                REQUIRE(to_string(tensor.shape()) == to_string(wanted.shape()));
                if (!first.empty()) CHECK(equal(tensor, first[0].entries()[i].second));
                else if (wanted.dtype() == DType::f32) CHECK(relative_error(tensor, wanted) <= limit);
                else CHECK(equal(tensor, wanted));
            }
            if (first.empty()) first.push_back(got);
        }
    }
}

inline void check_all_orders(const Graph& graph, const std::vector<Tensor>& inputs, double limit) { check_all_orders(graph, random_weights(graph, 6), inputs, limit); }

}  // namespace regulus::testing
