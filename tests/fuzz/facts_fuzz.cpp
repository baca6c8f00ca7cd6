// What a file's metadata say of a model, as JSON: preprocessing, class names, ids. The parts stand with a zero byte between. What is taken is within its limits,
// and written and read again it is the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include <regulus/zoo/classifier_facts.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace {

bool same(const regulus::ModelFacts& a, const regulus::ModelFacts& b) {
    return a.preprocessing == b.preprocessing && a.class_names == b.class_names && a.category_ids == b.category_ids;
}
bool same(const regulus::ClassifierFacts& a, const regulus::ClassifierFacts& b) { return a.preprocessing == b.preprocessing && a.class_names == b.class_names; }

bool is_side(std::int64_t value) { return value >= 1 && value <= 8192; }
bool is_sound(const regulus::Preprocessing& p) { return is_side(p.long_side) && is_side(p.short_side) && is_side(p.pad_divisor) && p.std[0] > 0 && p.std[1] > 0 && p.std[2] > 0; }
bool is_sound(const regulus::ClassifyPreprocessing& p) { return is_side(p.short_side) && is_side(p.crop) && p.std[0] > 0 && p.std[1] > 0 && p.std[2] > 0; }

template <class Facts>
void read(const std::map<std::string, std::string>& metadata) {
    try {
        const Facts facts = regulus::facts_from_metadata(metadata, Facts{}, "fuzzed");
        if (!is_sound(facts.preprocessing)) std::abort();
        if (!same(regulus::facts_from_metadata(regulus::facts_to_metadata(facts), Facts{}, "written"), facts)) std::abort();
    } catch (const regulus::FileError& error) {
        if (std::strstr(error.what(), "fuzzed") == nullptr) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(bytes), size);
    std::map<std::string, std::string> metadata;
    for (const char* const key : {"regulus.preprocessing", "regulus.classes", "regulus.category_ids", "meta.CLASSES"}) {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        if (end != 0) metadata[key] = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    read<regulus::ModelFacts>(metadata);
    read<regulus::ClassifierFacts>(metadata);
    return 0;
}
