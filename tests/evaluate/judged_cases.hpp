#pragma once
// Cases of tests/data_files/evaluate/, which the scripts *_cases.py beside this file made with the programs that define each benchmark.
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/core/json_cursor.hpp>
#include <regulus/data/file.hpp>

namespace regulus::testing {

/// The members of each case, each still text.
class JudgedCases {
public:
    explicit JudgedCases(const std::string& name) {
        const auto bytes = read_file(std::string(REGULUS_TEST_DATA "/evaluate/") + name, 1 << 24);
        text_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        JsonCursor cursor(text_, name_);
        cursor.array("cases", [&](std::size_t, std::string_view text) {
            std::map<std::string, std::string_view> members;
            JsonCursor inner(text, name_);
            inner.object([&](const std::string& member, std::size_t) { members[member] = inner.value_text(); });
            cases_.push_back(std::move(members));
        });
    }
    JudgedCases(const JudgedCases&) = delete;
    JudgedCases& operator=(const JudgedCases&) = delete;

    auto begin() const { return cases_.begin(); }
    auto end() const { return cases_.end(); }
    std::size_t size() const { return cases_.size(); }

private:
    std::string name_ = "judged cases";
    std::string text_;
    std::vector<std::map<std::string, std::string_view>> cases_;
};

/// The numbers of a JSON array; null is NaN.
inline std::vector<double> numbers_of(const Json& array) {
    std::vector<double> values;
    for (const Json& item : *array.array()) values.push_back(item.is_null() ? std::nan("") : item.integer() != nullptr ? double(*item.integer()) : *item.real());
    return values;
}

/// The greatest difference; 1e300 for lists of unlike lengths or places of NaN.
inline double greatest_difference(const std::vector<double>& expected, const std::vector<double>& got) {
    double greatest = expected.size() == got.size() ? 0 : 1e300;
    for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
        if (std::isnan(expected[i]) != std::isnan(got[i])) return 1e300;
        if (!std::isnan(got[i])) greatest = std::max(greatest, std::fabs(expected[i] - got[i]));
    }
    return greatest;
}

}  // namespace regulus::testing
