#pragma once
// Members of a JSON object from a file, each checked; every complaint names file, place and member.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/data/pose.hpp>

namespace regulus::data_detail {

class JsonRow {
public:
    /// The text of one object.
    JsonRow(std::string_view text, std::string who) : JsonRow(parse_json(text, who), who) {}
    JsonRow(Json json, std::string who) : who_(std::move(who)), json_(std::move(json)) {
        if (json_.object() == nullptr) throw FileError(who_ + ": must be an object");
    }

    [[noreturn]] void refuse(const char* name, const std::string& expected) const {
        const bool absent = json_.find(name) == nullptr;
        throw FileError(who_ + (absent ? ": lacks \"" : ": \"") + name + (absent ? "\", which must be " : "\" must be ") + expected);
    }

    /// The member, or nullptr when it is absent or null.
    const Json* member(const char* name) const noexcept {
        const Json* const found = json_.find(name);
        return found == nullptr || found->is_null() ? nullptr : found;
    }

    std::string text(const char* name) const {
        const Json* const found = member(name);
        if (found == nullptr || found->text() == nullptr) refuse(name, "a text");
        return *found->text();
    }

    std::vector<std::string> texts(const char* name) const {
        const Json* const found = member(name);
        std::vector<std::string> values;
        if (found == nullptr || found->array() == nullptr) refuse(name, "a list of texts");
        for (const Json& item : *found->array()) {
            if (item.text() == nullptr) refuse(name, "a list of texts");
            values.push_back(*item.text());
        }
        return values;
    }

    /// -1 when it is absent or null.
    std::int64_t count_if_any(const char* name) const {
        const Json* const found = member(name);
        if (found == nullptr) return -1;
        if (found->integer() == nullptr) refuse(name, "a whole number");
        return *found->integer();
    }

    bool flag(const char* name) const {
        const Json* const found = member(name);
        if (found == nullptr || found->boolean() == nullptr) refuse(name, "true or false");
        return *found->boolean();
    }

    double number(const char* name) const {
        double value = 0;
        const Json* const found = member(name);
        if (found == nullptr || !as_number(*found, value)) refuse(name, "a number");
        return value;
    }

    template <std::size_t N>
    std::array<double, N> numbers(const char* name) const {
        std::array<double, N> values = {};
        const Json* const found = member(name);
        if (found == nullptr || !as_numbers(*found, values)) refuse(name, std::to_string(N) + " numbers");
        return values;
    }

    /// "rotation" w x y z and "translation" x y z.
    Pose pose() const {
        const auto rotation = numbers<4>("rotation");
        const auto translation = numbers<3>("translation");
        try {
            return pose_from_quaternion(rotation, translation);
        } catch (const ArgumentError& error) {
            throw FileError(who_ + ": \"rotation\": " + error.what());
        }
    }

    /// A matrix of three rows that is a rotation.
    std::array<double, 9> rotation_matrix(const char* name) const {
        const Json* const found = member(name);
        std::array<double, 9> values = {};
        bool good = found != nullptr && found->array() != nullptr && found->array()->size() == 3;
        for (std::size_t row = 0; good && row < 3; ++row) {
            std::array<double, 3> part = {};
            good = as_numbers((*found->array())[row], part);
            for (std::size_t column = 0; column < 3; ++column) values[3 * row + column] = part[column];
        }
        if (!good) refuse(name, "3 rows of 3 numbers");
        const std::string problem = rotation_problem(values);
        if (!problem.empty()) throw FileError(who_ + ": \"" + name + "\" is not a rotation: " + problem);
        return values;
    }

    /// A path that stays below the folder it is relative to.
    std::string relative_path(const char* name) const {
        const std::string path = text(name);
        bool inside = !path.empty() && path.front() != '/' && path.find('\0') == std::string::npos;
        for (std::size_t begin = 0; inside && begin <= path.size();) {
            const std::size_t end = std::min(path.find('/', begin), path.size());
            inside = path.compare(begin, end - begin, "..") != 0;
            begin = end + 1;
        }
        if (!inside) refuse(name, "a path relative to the data's folder, without \"..\"");
        return path;
    }

    const std::string& who() const noexcept { return who_; }

private:
    static bool as_number(const Json& json, double& value) noexcept {
        if (json.integer() != nullptr) value = double(*json.integer());
        else if (json.real() != nullptr) value = *json.real();
        else return false;
        return std::isfinite(value);
    }

    template <std::size_t N>
    static bool as_numbers(const Json& json, std::array<double, N>& values) noexcept {
        if (json.array() == nullptr || json.array()->size() != N) return false;
        for (std::size_t i = 0; i < N; ++i) {
            if (!as_number((*json.array())[i], values[i])) return false;
        }
        return true;
    }

    std::string who_;
    Json json_;
};

}  // namespace regulus::data_detail
