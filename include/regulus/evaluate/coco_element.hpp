#pragma once
// Objects of the lists in COCO's files, each member checked. Used by the -impl files.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/core/mapped_file.hpp>
#include <regulus/data/rle.hpp>
#include <regulus/evaluate/coco_index.hpp>

namespace regulus::evaluate_detail {

/// One object of a list in a COCO file; every complaint names file, element and member.
class CocoElement {
public:
    CocoElement(std::string_view text, const std::string& who) : CocoElement(parse_json(text, who), who) {}
    CocoElement(Json json, std::string who) : who_(std::move(who)), json_(std::move(json)) {
        if (json_.object() == nullptr) throw FileError(who_ + ": must be an object");
    }

    [[noreturn]] void refuse(const char* name, const std::string& expected) const {
        throw FileError(who_ + (json_.find(name) == nullptr ? ": lacks \"" : ": \"") + name +
                        (json_.find(name) == nullptr ? "\", which must be " : "\" must be ") + expected);
    }

    /// The member, or nullptr when it is absent or null.
    const Json* member(const char* name) const {
        const Json* found = json_.find(name);
        return found == nullptr || found->is_null() ? nullptr : found;
    }

    std::int64_t integer(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr || found->integer() == nullptr) refuse(name, "an integer");
        return *found->integer();
    }

    std::int64_t side(const char* name) const {
        constexpr std::int64_t longest = std::int64_t{1} << 20;
        const Json* found = member(name);
        if (found == nullptr || found->integer() == nullptr || *found->integer() < 1 || *found->integer() > longest) refuse(name, "an integer of 1 .. 2^20");
        return *found->integer();
    }

    bool flag(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr) return false;
        if (found->boolean() != nullptr) return *found->boolean();
        if (found->integer() == nullptr || (*found->integer() != 0 && *found->integer() != 1)) refuse(name, "0 or 1");
        return *found->integer() == 1;
    }

    std::string text(const char* name) const {
        const Json* found = member(name);
        if (found == nullptr || found->text() == nullptr) refuse(name, "a text");
        return *found->text();
    }

    std::string text_if_any(const char* name) const { return member(name) == nullptr ? std::string() : text(name); }

    double number(const char* name) const {
        const Json* found = member(name);
        double value = 0;
        if (found == nullptr || !as_number(*found, value)) refuse(name, number_words);
        return value;
    }

    std::array<double, 4> box(const char* name) const {
        const char* const expected = "4 numbers x, y, width, height, none beyond 1e12";
        const Json* found = member(name);
        std::vector<double> values;
        if (found == nullptr || !as_numbers(*found, values) || values.size() != 4) refuse(name, expected);
        return {values[0], values[1], values[2], values[3]};
    }

    std::vector<double> keypoints(const char* name) const {
        const Json* found = member(name);
        std::vector<double> values;
        if (found == nullptr) return values;
        if (!as_numbers(*found, values) || values.size() % 3 != 0) refuse(name, "numbers x, y, v for each keypoint, none beyond 1e12");
        return values;
    }

    std::vector<std::vector<double>> polygons(const Json& rings) const {
        std::vector<std::vector<double>> result;
        for (const Json& ring : *rings.array()) {
            std::vector<double> values;
            if (!as_numbers(ring, values) || values.size() < 6 || values.size() % 2 != 0) {
                refuse("segmentation", "run lengths or rings x0, y0, x1, y1, ... of 3 corners or more, ring " + std::to_string(result.size()) + " is not");
            }
            result.push_back(std::move(values));
        }
        return result;
    }

    Rle run_lengths(const Json& object) const {
        const Json* size = object.find("size");
        const Json* counts = object.find("counts");
        std::int64_t sides[2] = {};
        bool sized = size != nullptr && size->array() != nullptr && size->array()->size() == 2;
        for (std::size_t i = 0; sized && i < 2; ++i) {
            const std::int64_t* side = (*size->array())[i].integer();
            sized = side != nullptr && *side >= 0 && *side <= (std::int64_t{1} << 20);
            if (sized) sides[i] = *side;
        }
        if (!sized || counts == nullptr || (counts->text() == nullptr && counts->array() == nullptr)) {
            refuse("segmentation", "an object of \"size\": [height, width] and \"counts\", a text or a list of runs");
        }
        try {
            if (counts->text() != nullptr) return rle_from_string(*counts->text(), sides[0], sides[1]);
            Rle rle{sides[0], sides[1], {}};
            for (const Json& count : *counts->array()) {
                if (count.integer() == nullptr || *count.integer() < 0 || *count.integer() > std::int64_t{UINT32_MAX})
                    refuse("segmentation", "made of runs of 0 .. 2^32 - 1 pixels");
                rle.counts.push_back(std::uint32_t(*count.integer()));
            }
            check_rle(rle);
            return rle;
        } catch (const FileError& error) {
            if (counts->text() == nullptr) throw;
            throw FileError(who_ + ": \"segmentation\": " + error.what());
        } catch (const ShapeError& error) {
            throw FileError(who_ + ": \"segmentation\": " + error.what());
        }
    }

    const std::string& who() const noexcept { return who_; }

private:
    static constexpr const char* number_words = "a number, not beyond 1e12";

    /// Not so far out that areas and overlaps would overflow.
    static bool as_number(const Json& json, double& value) {
        if (json.integer() != nullptr) value = double(*json.integer());
        else if (json.real() != nullptr) value = *json.real();
        else return false;
        return std::fabs(value) <= 1e12;
    }

    static bool as_numbers(const Json& json, std::vector<double>& values) {
        if (json.array() == nullptr) return false;
        values.resize(json.array()->size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!as_number((*json.array())[i], values[i])) return false;
        }
        return true;
    }

    std::string who_;
    Json json_;
};

template <class Items>
std::string id_twice(const char* list, const Items& items) {
    const auto twice = IdIndex(items).twice();
    if (!twice) return {};
    return std::string(list) + "[" + std::to_string(twice->first) + "] and " + list + "[" + std::to_string(twice->second) + "] both have the id " +
           std::to_string(items[twice->first].id);
}

inline std::string_view text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.data()), file.size()}; }

}  // namespace regulus::evaluate_detail
