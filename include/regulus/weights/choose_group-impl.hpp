#pragma once
#include <regulus/weights/choose_group.hpp>

#include <string>
#include <string_view>
#include <system_error>

#include <regulus/core/real_number.hpp>

namespace regulus::detail {

inline bool number_in_metadata(const CheckpointFile& file, std::string_view key, double& value) {
    for (const auto& [name, text] : file.metadata) {
        if (name == key) return real_from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
    }
    return false;
}

REGULUS_INLINE std::size_t choose_group(const CheckpointFile& file, EmaChoice ema) {
    const auto index_of = [&](std::string_view name) {
        for (std::size_t i = 0; i < file.groups.size(); ++i) {
            if (file.groups[i].name == name) return i;
        }
        return CheckpointFile::no_group;
    };
    if (ema == EmaChoice::always) {
        for (const std::string_view name : {"ema_state", "state_dict_ema", "ema_state_dict", "model_ema", "params_ema", "ema"}) {
            if (index_of(name) != CheckpointFile::no_group) return index_of(name);
        }
        return CheckpointFile::no_group;
    }
    if (ema == EmaChoice::published) {
        // pycls keeps both and names the better by its errors; timm evaluates with the moving average whenever there is one.
        double test_err = 0, ema_err = 0;
        const bool measured = number_in_metadata(file, "test_err", test_err) && number_in_metadata(file, "ema_err", ema_err);
        if (measured && ema_err < test_err && index_of("ema_state") != CheckpointFile::no_group) return index_of("ema_state");
        if (index_of("state_dict_ema") != CheckpointFile::no_group) return index_of("state_dict_ema");
    }
    for (const std::string_view name : {"state_dict", "model_state", "model_state_dict", "model", "blobs", "net", "params", "weights", ""}) {
        if (index_of(name) != CheckpointFile::no_group) return index_of(name);
    }
    return file.groups.size() == 1 ? 0 : CheckpointFile::no_group;
}

}  // namespace regulus::detail
