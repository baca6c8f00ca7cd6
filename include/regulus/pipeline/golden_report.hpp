#pragma once
// What a comparison with a golden case found.
#include <string>
#include <vector>

namespace regulus {

/// One comparison: passed when error <= limit.
struct GoldenCheck {
    std::string node;     ///< "C3", "proposals.0", "boxes.1"
    std::string measure;  ///< what `error` counts: "of std", "pixels", "missing", ...
    double error = 0;
    double limit = 0;
    double rms = -1;      ///< root-mean-square of the same differences; < 0: not measured
    std::string note;     ///< how much was compared

    bool passed() const noexcept { return error <= limit; }  // false for NaN
};

struct GoldenReport {
    std::string folder;
    std::string model;
    std::vector<GoldenCheck> checks;

    bool passed() const noexcept {
        for (const GoldenCheck& check : checks) {
            if (!check.passed()) return false;
        }
        return !checks.empty();
    }
};

}  // namespace regulus
