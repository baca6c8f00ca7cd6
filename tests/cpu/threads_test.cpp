// One Program of a real detector under many threads, and repeated. tests/threads looks for data races.
#include <thread>

#include "compare.hpp"

#include <regulus/data/image_file.hpp>
#include <regulus/data/preprocess.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../../examples/fasteners.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

#if defined(REGULUS_SANITIZED)  // where a run takes fifty times as long: what threads do to each other shows in few
constexpr std::size_t many_runs = 5;
#else
constexpr std::size_t many_runs = 100;
#endif

/// Pictures of fasteners as the network takes them, at a fraction of their size to save time: inputs of [1, 3, 96, 128] and the like.
std::vector<Tensor> small_picture(int number, PictureSize size) {
    char name[32];
    std::snprintf(name, sizeof name, "/fasteners/val_%04d.jpg", number);
    Preprocessing preprocessing = fastener_facts().preprocessing;
    preprocessing.resize_rule = ResizeRule::none;
    const PreparedBatch batch = preprocess(resize(read_image(std::string(REGULUS_TEST_DATA) + name), size, Interpolation::opencv_bilinear), preprocessing);
    return {batch.input, batch.image_info};
}

}  // namespace

TEST_CASE("cpu threads: eight threads, each a hundred runs of three sizes through one program, get a single thread's bits") {
    const Graph graph = recorded<Fasteners>();
    const Weights weights = read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors");
    constexpr std::size_t threads = 8, runs = many_runs, sizes = 3, pictures = 4;
    constexpr PictureSize size_of[sizes] = {{64, 96}, {96, 128}, {128, 64}};

    std::vector<Tensor> inputs[sizes][pictures];
    Outputs expected[sizes][pictures];
    std::size_t found = 0;
    {
        const Program alone = compile(CpuBackend{}, graph, weights, {.threads = 1});
        for (std::size_t s = 0; s < sizes; ++s) {
            for (std::size_t p = 0; p < pictures; ++p) {
                Context context;
                inputs[s][p] = small_picture(int(p), size_of[s]);
                expected[s][p] = alone.run(context, inputs[s][p]);
                found += std::size_t(expected[s][p]["count"].data<std::int32_t>()[0]);
            }
        }
    }
    CHECK(found >= 5 * sizes * pictures);  // boxes, labels and masks are at stake

    const Program shared = compile(CpuBackend{}, graph, weights, {.threads = 1});
    std::vector<std::size_t> equal(threads, 0);
    std::vector<std::thread> team;
    for (std::size_t t = 0; t < threads; ++t) {
        team.emplace_back([&, t] {
            Context context;
            for (std::size_t run = 0; run < runs * sizes; ++run) {
                const std::size_t s = (run + t) % sizes, p = (run / sizes + t) % pictures;
                equal[t] += same_bits(shared.run(context, inputs[s][p]), expected[s][p]) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : team) thread.join();
    for (const std::size_t count : equal) CHECK(count == runs * sizes);
}

TEST_CASE("cpu threads: threads whose runs take two threads each, while plans come and go, get the same bits") {
    const Graph graph = recorded<Fasteners>();
    const Weights weights = read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors");
    constexpr std::size_t threads = 4, sizes = 3;
    constexpr PictureSize size_of[sizes] = {{64, 64}, {64, 96}, {32, 96}};
    const Program shared = compile(CpuBackend{}, graph, weights, {.threads = 2, .max_plans = 2});
    std::vector<Tensor> inputs[sizes];
    Outputs expected[sizes];
    for (std::size_t s = 0; s < sizes; ++s) {
        Context context;
        inputs[s] = small_picture(int(s), size_of[s]);
        expected[s] = shared.run(context, inputs[s]);
    }
    std::vector<std::size_t> equal(threads, 0);
    std::vector<std::thread> team;
    for (std::size_t t = 0; t < threads; ++t) {
        team.emplace_back([&, t] {
            Context context;
            for (std::size_t run = 0; run < 4 * sizes; ++run) {
                const std::size_t s = (run + t) % sizes;
                equal[t] += same_bits(shared.run(context, inputs[s]), expected[s]) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : team) thread.join();
    for (const std::size_t count : equal) CHECK(count == 4 * sizes);
}
