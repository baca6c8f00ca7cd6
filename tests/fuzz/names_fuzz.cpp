// Names and shapes that nobody vouches for. The first byte chooses a code base's table; then a line is a tensor: a byte that chooses its shape, and its name.
// What has a name of ours has one of that code base, which means the same; shapes change as the values' rule says.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/regnet2mmdet.hpp>
#include <regulus/converters/value_rule.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/pipeline/classifier_head.hpp>

namespace {

using namespace regulus;

const Shape shapes[] = {{}, {0}, {1}, {4}, {9}, {10}, {36}, {2, 3}, {4, 0}, {0, 5}, {8, 4}, {1, 1, 1, 1}, {5, 2, 1, 3}, {9, 1, 3, 1}, {1, 2, 1, 2, 1, 2, 1, 2}};

Weights weights_of(std::string_view text) {
    Weights weights;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.size() < 2 || weights.find(std::string(line.substr(1))) != nullptr) continue;
        const std::uint8_t choice = static_cast<std::uint8_t>(line[0]);
        weights.add(std::string(line.substr(1)), Tensor::zeros(shapes[choice % std::size(shapes)], choice < 128 ? DType::f32 : DType::f16));
    }
    return weights;
}

void check_table(const NameTable& table, const Weights::Entry& entry, const Graph& graph) {
    const auto ours = table.renamed_to_ours(entry.name);
    if (!ours || ours->name.empty()) return;
    const auto back = table.to_foreign(ours->name);
    if (!back || table.to_ours(*back) != ours->name) std::abort();
    const Tensor values = to_our_values(entry.tensor, ours->values, graph), theirs = to_foreign_values(values, ours->values, graph);
    if (values.dtype() != entry.tensor.dtype() || !(theirs.shape() == to_foreign_shape(values.shape(), ours->values))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const Graph by_ratio = recorded<RetinaNet<RegNet<regnetx_200mf>, 64, 5>>(), classifier = recorded<Classifier<RegNet<regnetx_200mf>, 10>>();
    if (size == 0) return 0;
    const Weights weights = weights_of({reinterpret_cast<const char*>(bytes + 1), size - 1});
    const NameTable& table = name_tables()[bytes[0] % name_tables().size()];
    for (const Weights::Entry& entry : weights.entries()) check_table(table, entry, by_ratio);
    if (size % 256 == 0) {  // takes a thousand times as long as a name
        if (to_regulus(weights, by_ratio).size() > 3 * weights.size() || is_headless(weights, classifier)) std::abort();  // a few lines are no backbone
        head_classes(weights, classifier);
    }
    try {
        regnet2mmdet(weights);
    } catch (const WeightError&) {
    }
    return 0;
}
