// Whole backbones against the sum of oneDNN's times of their bare convolutions at the same shapes and layouts.
//
//   regulus_bench_cpu [rounds] [direct] [name part]     "direct" switches Winograd off; a name part picks backbones
//
// A round runs the backbone once through Program::run, then each of its convolutions as a bare oneDNN primitive (bias, no activation, no
// residual) in the channels-last layout that the backend uses, then each in the layouts that oneDNN itself prefers. Rounds alternate, so that
// other load falls on all three; the median of the per-round ratios is what counts. Exit status 1 when one is above the bar.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <regulus/cpu/onednn-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/resnet.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

constexpr double bar = 1.15;

template <class Backbone>
Graph backbone() {
    Graph graph;
    graph.name = "backbone";
    const ImageInput<3> input{{&graph, record::image_input(graph, 3)}, no_value};
    graph.outputs = {{"s4", Backbone{}(Scope(graph) / "backbone", input.image).ids[3]}};
    return graph;
}

double milliseconds(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

dnnl::memory filled(const cpu::MemoryDesc& desc) {
    dnnl::memory memory(desc, cpu::engine());
    float* data = static_cast<float*>(memory.get_data_handle());
    for (std::size_t i = 0; i < desc.get_size() / sizeof(float); ++i) data[i] = 0.01f * float(i % 17) - 0.08f;  // no denormals, no zeros to skip
    return memory;
}

/// The convolutions of a graph as bare primitives, one after the other between two buffers, so that each finds its input in the caches as much
/// as it would in the network.
class BareConvolutions {
public:
    BareConvolutions(const Graph& graph, const InputSize& size, bool channels_last) {
        const std::vector<Shape> shapes = infer_shapes(graph, size);
        std::size_t greatest[2] = {0, 0}, greatest_scratch = 0;
        for (const Node& node : graph.nodes) {
            const auto* recorded = std::get_if<ops::Conv2d>(&node.operation);
            if (recorded == nullptr) continue;
            ops::Conv2d op = *recorded;
            op.residual = false;
            op.activation = Activation::none;
            const Shape &in = shapes[std::size_t(node.inputs[0])], &out = shapes[std::size_t(node.outputs[0])];
            const auto map = [&](const Shape& shape) {
                if (channels_last) return cpu::nhwc(shape[0], shape[1], shape[2], shape[3]);
                return cpu::MemoryDesc({shape[0], shape[1], shape[2], shape[3]}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
            };
            const dnnl::memory::dims weights = op.groups == 1 ? dnnl::memory::dims{op.out_channels, op.in_channels, op.kernel, op.kernel}
                                                              : dnnl::memory::dims{op.groups, op.out_channels / op.groups, op.in_channels / op.groups, op.kernel, op.kernel};
            const auto description = cpu::convolution(op, map(in), cpu::MemoryDesc(weights, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any), map(out));
            steps_.push_back({dnnl::convolution_forward(description), description.src_desc(), description.dst_desc(), description.scratchpad_desc(), filled(description.weights_desc()),
                              filled(cpu::vector_of(op.out_channels))});
            const std::size_t source = steps_.size() % 2;
            greatest[source] = std::max(greatest[source], description.src_desc().get_size());
            greatest[1 - source] = std::max(greatest[1 - source], description.dst_desc().get_size());
            greatest_scratch = std::max(greatest_scratch, description.scratchpad_desc().get_size());
        }
        for (int i = 0; i < 2; ++i) {
            buffers_[i] = Tensor(Shape{std::int64_t(greatest[i] / sizeof(float))}, DType::f32);
            for (std::int64_t j = 0; j < buffers_[i].numel(); ++j) buffers_[i].data<float>()[j] = 0.5f;
        }
        scratch_ = Tensor(Shape{std::int64_t(greatest_scratch / sizeof(float)) + 1}, DType::f32);
    }

    std::size_t count() const { return steps_.size(); }

    /// Milliseconds of all of them, each timed alone.
    double run() {
        double sum = 0;
        dnnl::stream stream(cpu::engine());
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            Step& step = steps_[i];
            const std::size_t source = (i + 1) % 2;
            const std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, dnnl::memory(step.src, cpu::engine(), buffers_[source].raw())},
                                                                  {DNNL_ARG_DST, dnnl::memory(step.dst, cpu::engine(), buffers_[1 - source].raw())},
                                                                  {DNNL_ARG_WEIGHTS, step.weights},
                                                                  {DNNL_ARG_BIAS, step.bias},
                                                                  {DNNL_ARG_SCRATCHPAD, dnnl::memory(step.scratch, cpu::engine(), scratch_.raw())}};
            sum += milliseconds([&] {
                step.primitive.execute(stream, arguments);
                stream.wait();
            });
        }
        return sum;
    }

private:
    struct Step {
        dnnl::primitive primitive;
        cpu::MemoryDesc src, dst, scratch;
        dnnl::memory weights, bias;
    };
    std::vector<Step> steps_;
    Tensor buffers_[2], scratch_;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Measures one backbone and prints its line; true when the median ratio is within the bar.
bool compare(const char* name, const Graph& graph, int rounds, bool winograd) {
    const Program program = compile(CpuBackend{CpuOptions{.winograd = winograd}}, graph, random_weights(graph));
    const std::vector<Tensor> inputs = random_inputs(graph, photograph);
    Context context;
    BareConvolutions channels_last(program.graph(), photograph, true), preferred(program.graph(), photograph, false);
    program.run(context, inputs);
    channels_last.run();
    preferred.run();
    std::vector<double> ours, bare, best, ratios, best_ratios;
    for (int round = 0; round < rounds; ++round) {
        ours.push_back(milliseconds([&] { program.run(context, inputs); }));
        bare.push_back(channels_last.run());
        best.push_back(preferred.run());
        ratios.push_back(ours.back() / bare.back());
        best_ratios.push_back(ours.back() / best.back());
    }
    const auto least = [](const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); };
    std::printf("%-16s %5zu %12.1f %12.1f %12.1f %14.3f %14.3f %14.3f\n", name, channels_last.count(), least(ours), least(bare), least(best), median(ratios), least(ours) / least(bare), median(best_ratios));
    std::fflush(stdout);
    return median(ratios) <= bar;
}

}  // namespace

int main(int argc, char** argv) {
    int rounds = 15;
    bool winograd = true;
    const char* part = "";
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "direct") == 0) winograd = false;
        else if (std::strspn(argv[i], "0123456789") == std::strlen(argv[i])) rounds = std::max(1, std::atoi(argv[i]));
        else part = argv[i];
    }
    std::printf("%lld x %lld, %d threads, %d rounds, oneDNN %d.%d.%d, Winograd %s; times are the least in ms; bar %.2f on the median ratio\n", (long long)photograph.height, (long long)photograph.width,
                cpu::thread_count(0), rounds, DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, DNNL_VERSION_PATCH, winograd ? "on" : "off", bar);
    std::printf("%-16s %5s %12s %12s %12s %14s %14s %14s\n", "backbone", "convs", "regulus", "bare nhwc", "bare best", "median ratio", "ratio of least", "to bare best");
    bool within = true;
    const auto measure = [&](const char* name, Graph (*record_graph)()) {
        if (std::strstr(name, part) != nullptr) within = compare(name, record_graph(), rounds, winograd) && within;
    };
    measure("regnetx_400mf", backbone<RegNet<regnetx_400mf>>);
    measure("regnetx_800mf", backbone<RegNet<regnetx_800mf>>);
    measure("regnetx_3.2gf", backbone<RegNet<regnetx_3_2gf>>);
    measure("regnetx_8.0gf", backbone<RegNet<regnetx_8_0gf>>);
    measure("resnet_50", backbone<ResNet<resnet_50>>);
    return within ? 0 : 1;
}
