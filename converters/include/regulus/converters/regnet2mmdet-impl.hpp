#pragma once
#include <regulus/converters/regnet2mmdet.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <regulus/converters/name_table.hpp>
#include <regulus/weights/choose_group.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_torch.hpp>

namespace regulus {

namespace detail::names {

inline constexpr NameRule regnet2mmdet_block[] = {
    {"s{s}.b1.proj.*", "layer{s}.0.downsample.0.*"},
    {"s{s}.b1.bn.*", "layer{s}.0.downsample.1.*"},
    {"s{s}.b{b+1}.f.a.*", "layer{s}.{b}.conv1.*"},
    {"s{s}.b{b+1}.f.a_bn.*", "layer{s}.{b}.bn1.*"},
    {"s{s}.b{b+1}.f.b.*", "layer{s}.{b}.conv2.*"},
    {"s{s}.b{b+1}.f.b_bn.*", "layer{s}.{b}.bn2.*"},
    {"s{s}.b{b+1}.f.c.*", "layer{s}.{b}.conv3.*"},
    {"s{s}.b{b+1}.f.c_bn.*", "layer{s}.{b}.bn3.*"},
};

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

/// Names of what every RegNet has and these weights lack: the stem, stages and their blocks from 1 on without a gap, each block whole.
inline std::vector<std::string> missing_of_regnet(const Weights& pycls) {
    std::vector<std::string> missing;
    const auto need = [&](const std::string& name) {
        if (pycls.find(name) == nullptr) missing.push_back(name);
    };
    const auto need_norm = [&](const std::string& name) {
        for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) need(name + part);
    };
    std::map<int, int> last_block{{1, 1}};
    for (const auto& entry : pycls.entries()) {
        if (const auto numbers = rewrite_name(entry.name, "s{s}.b{b}.f.*", "{s} {b} *")) {
            const std::size_t space = numbers->find(' ');
            const int stage = std::stoi(*numbers), block = std::stoi(numbers->substr(space + 1));
            if (stage < 1 || stage > 16 || block > 1000) continue;  // renaming reports it
            for (int before = 2; before <= stage; ++before) last_block.emplace(before, 1);
            last_block[stage] = std::max(last_block[stage], block);
        }
    }
    need("stem.conv.weight");
    need_norm("stem.bn");
    for (const auto& [stage, last] : last_block) {
        for (int block = 1; block <= last; ++block) {
            const std::string name = "s" + std::to_string(stage) + ".b" + std::to_string(block);
            if (block == 1) need(name + ".proj.weight"), need_norm(name + ".bn");
            for (const char* part : {".f.a", ".f.b", ".f.c"}) need(name + part + ".weight"), need_norm(name + part + "_bn");
        }
    }
    return missing;
}

}  // namespace detail::names

REGULUS_INLINE std::string regnet2mmdet_name(const std::string& name) {
    using detail::names::replaced;
    if (name.find("stem") != std::string::npos) return replaced(replaced(name, "stem.conv", "conv1"), "stem.bn", "bn1");
    if (name.find("head") != std::string::npos) return replaced(name, "head.fc", "fc");
    if (name.empty() || name[0] != 's') return "";
    for (const NameRule& rule : detail::names::regnet2mmdet_block) {
        if (auto converted = rewrite_name(name, rule.foreign, rule.ours)) return *converted;
    }
    if (rewrite_name(name, "s{s}.b{b}.f.se.*", "*")) {
        throw WeightError("regnet2mmdet: \"" + name + "\" belongs to a RegNetY; mmdetection's RegNet has no squeeze-excite, and its script cannot convert one either");
    }
    throw WeightError("regnet2mmdet: \"" + name + "\" is no parameter of a RegNetX of pycls (stem; stages s1, s2, ... with proj and bn in block b1 only, f.a, f.b and f.c; head.fc)");
}

REGULUS_INLINE Regnet2MmdetResult regnet2mmdet(const Weights& pycls, const Regnet2MmdetOptions& options) {
    const std::vector<std::string> missing = detail::names::missing_of_regnet(pycls);
    if (!missing.empty()) {
        std::string text = "regnet2mmdet: " + pycls.source + " is no RegNet of pycls: ";
        if (pycls.find("conv1.weight") != nullptr && pycls.find("layer1.0.conv1.weight") != nullptr) text = "regnet2mmdet: " + pycls.source + " has the names of mmdetection already: ";
        for (std::size_t i = 0; i < std::min<std::size_t>(missing.size(), 5); ++i) text += (i == 0 ? "\"" : ", \"") + missing[i] + "\"";
        if (missing.size() > 5) text += " and " + std::to_string(missing.size() - 5) + " more";
        throw WeightError(text + (missing.size() == 1 ? " is missing" : " are missing"));
    }
    Regnet2MmdetResult result;
    result.weights.source = pycls.source;
    for (const auto& entry : pycls.entries()) {
        std::string name = regnet2mmdet_name(entry.name);
        if (name.empty()) {
            result.skipped.push_back(entry.name);
        } else if (options.keep_head || entry.name.find("head") == std::string::npos) {
            if (result.weights.find(name) != nullptr) throw WeightError("regnet2mmdet: " + pycls.source + " has \"" + name + "\" twice, once as \"" + entry.name + "\"");
            result.weights.add(std::move(name), entry.tensor);
        }
    }
    return result;
}

REGULUS_INLINE Regnet2MmdetResult regnet2mmdet(const std::string& src, const std::string& dst, const Regnet2MmdetOptions& options) {
    const CheckpointFile file = inspect_checkpoint(src);
    ReadOptions reading;
    reading.refuse_unsupported = true;
    reading.ema = options.ema ? EmaChoice::always : EmaChoice::never;
    if (!options.ema && file.find_group("model_state") != nullptr) reading.group = "model_state";
    Regnet2MmdetResult result = regnet2mmdet(read_weights(file, reading), options);
    result.better_average = !options.ema && file.weights_group != CheckpointFile::no_group && file.groups[file.weights_group].name == "ema_state";
    write_torch(dst, result.weights, TorchContent::state_dict);
    return result;
}

}  // namespace regulus
