// Opening a checkpoint of Mask R-CNN RegNetX-400MF, safetensors and torch zip: reading its table, binding its tensors to the graph.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>

#include <regulus/graph/bind.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>
#include <regulus/weights/write_torch.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// A checkpoint in the folder for temporary files, removed at the end of the program.
struct Checkpoint {
    Graph graph = recorded<MaskRcnn<RegNet<regnetx_400mf>>>();
    std::string path;

    explicit Checkpoint(bool torch) {
        path = (std::filesystem::temp_directory_path() / (std::string("regulus_bench_") + (torch ? "torch.pth" : "weights.safetensors"))).string();
        if (torch) write_torch(path, random_weights(graph), TorchContent::with_meta);
        else write_safetensors(path, random_weights(graph));
    }
    ~Checkpoint() { std::remove(path.c_str()); }
};

void checkpoint_open(benchmark::State& state, bool torch) {
    const Checkpoint checkpoint(torch);
    for (auto _ : state) {
        const Weights weights = read_weights(checkpoint.path);
        benchmark::DoNotOptimize(bind_weights(checkpoint.graph, weights));
    }
    state.SetBytesProcessed(state.iterations() * std::int64_t(std::filesystem::file_size(checkpoint.path)));
}
BENCHMARK_CAPTURE(checkpoint_open, safetensors, false)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checkpoint_open, torch_zip, true)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
