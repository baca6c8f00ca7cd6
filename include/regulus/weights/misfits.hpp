#pragma once
// How named tensors differ from those that a network needs: every name at once. Used by the -impl files.
#include <string>
#include <vector>

#include <regulus/core/dtype.hpp>

namespace regulus::detail {

inline bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16; }

struct Misfits {
    std::vector<std::string> misshapen, missing, unexpected;

    bool empty() const { return misshapen.empty() && missing.empty() && unexpected.empty(); }

    /// Of each kind how many, then up to 50 names, one a line.
    std::string text() const {
        std::string text;
        append(text, "misshapen", misshapen);
        append(text, "missing", missing);
        append(text, "unexpected", unexpected);
        return text;
    }

private:
    static void append(std::string& text, const char* title, const std::vector<std::string>& names) {
        constexpr std::size_t limit = 50;
        if (names.empty()) return;
        text += "\n  " + std::to_string(names.size()) + " " + title + ":";
        for (std::size_t i = 0; i < names.size() && i < limit; ++i) text += "\n    " + names[i];
        if (names.size() > limit) text += "\n    ... and " + std::to_string(names.size() - limit) + " more";
    }
};

}  // namespace regulus::detail
