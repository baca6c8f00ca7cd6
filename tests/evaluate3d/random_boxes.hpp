#pragma once
// Random scenes for the tests of 3D evaluations. Scores have few values, so that many are equal.
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <regulus/evaluate/nuscenes_evaluation.hpp>

namespace regulus::testing {

class RandomBoxes {
public:
    explicit RandomBoxes(std::uint32_t seed) : random_(seed) {}

    double real(double low, double high) { return low + (high - low) * double(random_()) / 4294967296.0; }
    int whole(int low, int high) { return low + int(random_() % std::uint32_t(high - low + 1)); }
    bool chance(int percent) { return whole(0, 99) < percent; }

    std::array<double, 4> upright(double yaw) { return {std::cos(yaw / 2), 0, 0, std::sin(yaw / 2)}; }

    NuScenesBox nuscenes_box(int classes) {
        NuScenesBox box;
        box.translation = {real(-45, 45), real(-45, 45), real(-1, 1)};
        box.size = {real(0.5, 3), real(0.5, 6), real(0.5, 3)};
        box.rotation = upright(real(-4, 4));
        if (chance(90)) box.velocity = {real(-5, 5), real(-5, 5)};
        box.label = whole(0, classes - 1);
        box.attribute = whole(-1, 7);
        box.points = whole(0, 5);
        return box;
    }

    /// Boxes near the annotated ones, some far off; in the same samples.
    void nuscenes(int samples, int classes, std::vector<NuScenesTruth>& truth, std::vector<NuScenesResult>& results) {
        for (int s = 0; s < samples; ++s) {
            truth.push_back({"sample " + std::to_string(s), {real(-3, 3), real(-3, 3), 0}, {}, {}});
            results.push_back({"sample " + std::to_string(s), {}});
            for (int i = whole(0, 12); i > 0; --i) {
                NuScenesBox box = nuscenes_box(classes);
                truth.back().boxes.push_back(box);
                for (int k = whole(0, 2); k > 0; --k) {
                    NuScenesBox found = box;
                    const double spread = chance(80) ? 1.2 : 6;
                    for (double& v : found.translation) v += real(-spread, spread);
                    for (double& v : found.size) v *= real(0.7, 1.4);
                    found.rotation = upright(real(-4, 4));
                    found.velocity = {real(-5, 5), real(-5, 5)};
                    if (chance(30)) found.attribute = whole(-1, 7);
                    found.score = whole(1, 30) / 32.0;
                    found.points = -1;
                    results.back().boxes.push_back(found);
                }
            }
            for (int i = whole(0, 2); i > 0; --i) truth.back().bicycle_racks.push_back(nuscenes_box(1));
        }
    }

private:
    std::mt19937 random_;
};

}  // namespace regulus::testing
