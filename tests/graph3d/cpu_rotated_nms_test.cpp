// The CPU backend's suppression gives the plain one's results, label by label in parallel.
#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/cpu/rotated_nms-impl.hpp>

using namespace regulus;

TEST_CASE("cpu rotated_nms: the plain one's results for any labels, limit, threshold and number of threads") {
    std::uint32_t state = 3;
    const auto random = [&](float low, float high) {
        state = state * 1664525u + 1013904223u;
        return low + (high - low) * float(state >> 8) / float(1 << 24);
    };
    for (const int candidates : {0, 1, 400}) {
        for (const int labels : {1, 7, 1000}) {
            std::vector<float> boxes, scores;
            std::vector<std::int32_t> label, direction;
            for (int i = 0; i < candidates; ++i) {
                boxes.insert(boxes.end(), {random(-12, 12), random(-12, 12), 0, random(0, 6), random(0, 3), 1, random(-4, 4)});
                if (i % 53 == 7) boxes[boxes.size() - 4] = NAN;
                scores.push_back(i % 37 == 5 ? NAN : std::floor(random(0, 50)) / 50);
                label.push_back(int(random(0, float(labels))) - labels / 2);
                direction.push_back(i % 2);
            }
            const kernels::CandidateList3d<float> lists[] = {{boxes.data(), scores.data(), label.data(), direction.data(), candidates / 3},
                                                             {boxes.data() + candidates / 3 * 7, scores.data() + candidates / 3, label.data() + candidates / 3, direction.data() + candidates / 3, candidates - candidates / 3}};
            for (const float threshold : {0.f, 0.2f, 0.7f, 1.f}) {
                for (const int limit : {0, 5, 1000}) {
                    ops::RotatedNms op;
                    op.iou_threshold = threshold;
                    op.limit = limit;
                    struct Result {
                        std::vector<float> boxes, scores;
                        std::vector<std::int32_t> labels;
                        std::int32_t count;
                    };
                    const auto run = [&](const auto& suppress) {
                        Result result{std::vector<float>(std::size_t(7 * limit), -1.f), std::vector<float>(std::size_t(limit), -1.f), std::vector<std::int32_t>(std::size_t(limit), -1), 0};
                        result.count = suppress(result);
                        return result;
                    };
                    const Result plain = run([&](Result& to) {
                        std::vector<std::uint64_t> memory(kernels::RotatedNmsScratch<float>::bytes(candidates, limit) / 8 + 1);
                        return kernels::rotated_nms(op, lists, 2, kernels::RotatedNmsScratch<float>(memory.data(), candidates), to.boxes.data(), to.scores.data(), to.labels.data());
                    });
                    for (const int threads : {1, 2, 5}) {
                        const cpu::ThreadScope team(threads);
                        const Result fast = run([&](Result& to) {
                            std::vector<std::uint64_t> memory(cpu::RotatedNmsScratch::bytes(candidates) / 8);
                            return cpu::rotated_nms(op, lists, 2, cpu::RotatedNmsScratch(memory.data(), candidates), to.boxes.data(), to.scores.data(), to.labels.data());
                        });
                        CHECK(fast.count == plain.count);
                        CHECK((fast.boxes.empty() || std::memcmp(fast.boxes.data(), plain.boxes.data(), fast.boxes.size() * sizeof(float)) == 0));  // kept NaN are equal bits
                        CHECK(fast.scores == plain.scores);
                        CHECK(fast.labels == plain.labels);
                    }
                }
            }
        }
    }
}
