#pragma once
// One box of a results or ground-truth file in JSON; every complaint names file, sample, box and member.
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <regulus/core/json.hpp>
#include <regulus/core/json_cursor.hpp>
#include <regulus/core/mapped_file.hpp>

namespace regulus::evaluate_detail {

class BoxElement {
public:
    BoxElement(std::string_view text, std::string who) : who_(std::move(who)), json_(parse_json(text, who_, {4, 256})) {
        if (json_.object() == nullptr) throw FileError(who_ + ": must be an object");
    }

    [[noreturn]] void refuse(const char* name, const std::string& expected) const {
        const bool absent = json_.find(name) == nullptr;
        throw FileError(who_ + (absent ? ": lacks \"" : ": \"") + name + (absent ? "\", which must be " : "\" must be ") + expected);
    }

    bool has(const char* name) const { return json_.find(name) != nullptr; }

    const std::string& text(const char* name) const {
        const Json* found = json_.find(name);
        if (found == nullptr || found->text() == nullptr) refuse(name, "a text");
        return *found->text();
    }

    double number(const char* name) const {
        const Json* found = json_.find(name);
        double value = 0;
        if (found == nullptr || !as_number(*found, value)) refuse(name, "a number, not beyond 1e12");
        return value;
    }

    std::int64_t count(const char* name) const {
        const Json* found = json_.find(name);
        if (found == nullptr || found->integer() == nullptr || *found->integer() < -1) refuse(name, "a whole number, -1 or more");
        return *found->integer();
    }

    template <std::size_t N>
    std::array<double, N> numbers(const char* name) const {
        std::array<double, N> values = {};
        if (!read(name, values, false)) refuse(name, std::to_string(N) + " numbers, none beyond 1e12");
        return values;
    }

    /// Above 0.
    std::array<double, 3> size(const char* name) const {
        const auto values = numbers<3>(name);
        for (const double v : values) {
            if (!(v > 0)) refuse(name, "width, length and height above 0");
        }
        return values;
    }

    /// null stands for NaN.
    template <std::size_t N>
    std::array<double, N> numbers_or_null(const char* name) const {
        std::array<double, N> values = {};
        if (!read(name, values, true)) refuse(name, std::to_string(N) + " numbers, none beyond 1e12, or null where one is not known");
        return values;
    }

    const std::string& who() const noexcept { return who_; }

private:
    static bool as_number(const Json& json, double& value) {
        if (json.integer() != nullptr) value = double(*json.integer());
        else if (json.real() != nullptr) value = *json.real();
        else return false;
        return std::fabs(value) <= 1e12;
    }

    template <std::size_t N>
    bool read(const char* name, std::array<double, N>& values, bool nulls) const {
        const Json* found = json_.find(name);
        if (found == nullptr || found->array() == nullptr || found->array()->size() != N) return false;
        for (std::size_t i = 0; i < N; ++i) {
            const Json& item = (*found->array())[i];
            if (nulls && item.is_null()) values[i] = std::numeric_limits<double>::quiet_NaN();
            else if (!as_number(item, values[i])) return false;
        }
        return true;
    }

    std::string who_;
    Json json_;
};

inline std::string_view whole_text(const MappedFile& file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

}  // namespace regulus::evaluate_detail
