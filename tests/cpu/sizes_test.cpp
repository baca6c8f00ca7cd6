// A detector that meets a thousand sizes of pictures.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "compare.hpp"

#include <regulus/data/image_file.hpp>
#include <regulus/data/resize.hpp>
#include <regulus/pipeline/detector.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../../examples/fasteners.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct Memory {
    std::size_t resident = 0;  // of this process
    std::size_t in_use = 0;    // of what malloc gave out
};

Memory memory_of_process() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    REQUIRE(file != nullptr);
    unsigned long total = 0, resident = 0;
    const int read = std::fscanf(file, "%lu %lu", &total, &resident);
    std::fclose(file);
    REQUIRE(read == 2);
    const struct mallinfo2 heap = mallinfo2();
    return {std::size_t(resident) * std::size_t(sysconf(_SC_PAGESIZE)), heap.uordblks + heap.hblkhd};
}

/// Equal for equal bits of everything that was found.
std::uint64_t digest(const DetectionList& detections) {
    std::string bytes;
    const auto add = [&](const auto& numbers) { bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof numbers[0]); };
    for (const Detection& detection : detections) {
        add(detection.box);
        add(std::array{detection.score, float(detection.label)});
        add(detection.mask_probabilities);
    }
    return fnv1a64(bytes);
}

#if defined(REGULUS_SANITIZED)  // each takes ten times as long
constexpr int pictures = 100;
#else
constexpr int pictures = 1000;
#endif

/// $REGULUS_TEST_LONG_SIDE is the greatest side of the pictures, to repeat the test at sizes of real use: 1344.
std::int64_t greatest_side() {
    const char* asked = std::getenv("REGULUS_TEST_LONG_SIDE");
    return asked == nullptr ? 160 : std::atol(asked);
}

}  // namespace

TEST_CASE("cpu sizes: a thousand random sizes through one detector: memory stays, results are those of fresh detectors") {
    const Weights weights = read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors");
    ModelFacts facts = fastener_facts();
    facts.preprocessing.resize_rule = ResizeRule::none;
    facts.preprocessing.pad_divisor = 1;  // every size is a plan of its own
    Weights plain;                        // without the file's facts, which would go before these
    for (const Weights::Entry& entry : weights.entries()) plain.add(entry.name, entry.tensor);
    const Graph graph = recorded<Fasteners>();
    const CompileOptions options{.threads = 2, .max_plans = 4};
    const AnyDetector detector(CpuBackend{}, graph, plain, facts, options);
    const Image tray = read_image(REGULUS_TEST_DATA "/fasteners/val_0001.jpg");

    const std::int64_t longest = greatest_side(), shortest = longest / 4;
    const auto side = [&](int picture, const char* which) { return shortest + std::int64_t(seeded_uniform(fnv1a64(which), 0, std::uint64_t(picture)) * double(longest - shortest + 1)); };
    Context context;
    detector.program().prepare(context, {1, int(longest), int(longest)});  // the memory for any size
    std::set<std::pair<std::int64_t, std::int64_t>> sizes;
    std::vector<std::pair<PictureSize, std::uint64_t>> some;
    Memory at_50{};
    std::size_t found = 0;
    for (int picture = 1; picture <= pictures; ++picture) {
        const PictureSize size{side(picture, "height"), side(picture, "width")};
        sizes.emplace(size.height, size.width);
        const Image image = resize(tray, size, Interpolation::opencv_bilinear);
        const DetectionList detections = detector(context, image);
        found += detections.size();
        if (picture % 50 == 0) some.emplace_back(size, digest(detections));
        if (picture == 50) at_50 = memory_of_process();
    }
    const Memory at_end = memory_of_process();
    const std::size_t arena = detector.program().memory(InputSize{1, int(longest), int(longest)}).arena, grown = context.arena_bytes();
    MESSAGE(sizes.size() << " sizes, " << found << " detections, arena " << grown / 1024 << " KiB; resident " << at_50.resident / 1024 << " KiB after 50 pictures, " << at_end.resident / 1024
                         << " KiB at the end; in use " << at_50.in_use / 1024 << " and " << at_end.in_use / 1024 << " KiB");
    CHECK(int(sizes.size()) > pictures * 9 / 10);
    CHECK(int(found) > pictures);
    CHECK(grown <= arena);
#if !defined(REGULUS_SANITIZED)  // AddressSanitizer keeps what is freed
    // What is in use may differ by the plans that happen to be kept. On top comes what the C library keeps free between them: 5 to 12 MiB, whatever the
    // pictures' sizes.
    CHECK(double(at_end.in_use) <= 1.05 * double(at_50.in_use));
    CHECK(double(at_end.resident) <= 1.05 * double(at_50.resident) + 16e6);
#endif
    REQUIRE(int(some.size()) == pictures / 50);
    for (const auto& [size, found_then] : some) CHECK(digest(AnyDetector(CpuBackend{}, graph, plain, facts, options)(resize(tray, size, Interpolation::opencv_bilinear))) == found_then);
}

TEST_CASE("cpu sizes: the first run after prepare finds its memory there") {
    const Graph graph = recorded<Fasteners>();
    const Program program = compile(CpuBackend{}, graph, read_weights(REGULUS_SOURCE_DIR "/examples/model/fasteners.safetensors"), {.threads = 2});
    const InputSize size{1, 512, 512};
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    Context context;
    program.prepare(context, size);
    struct rusage before {}, after {};
    getrusage(RUSAGE_SELF, &before);
    program.run(context, inputs);
    getrusage(RUSAGE_SELF, &after);
    const long faults = after.ru_minflt - before.ru_minflt, pages = long(context.arena_bytes() / 4096);
    MESSAGE(faults << " page faults, the arena has " << pages << " pages");
    CHECK(faults < pages / 10);
}
