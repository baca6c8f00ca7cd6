#pragma once
// Copies of golden cases that tests may spoil.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include <regulus/pipeline/golden_report.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/weights/write_safetensors.hpp>

#include "support/shared.hpp"

namespace regulus::testing {

/// A copy of the case in a folder of golden/ ("classification/pycls_regnetx_400mf") with the pictures beside it, removed with the object.
class SpoiledCase {
public:
    explicit SpoiledCase(const std::string& name) : folder_(std::filesystem::temp_directory_path() / ("regulus_golden_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_ / "data/images");
        for (const char* file : {"case.json", "expected.safetensors", "overrides.safetensors"}) copy(shared_path("golden/" + name + "/" + file), folder_ / file);
        for (const char* image : {"dog.jpg", "bird.JPEG", "color.jpg"}) copy(shared_path(std::string("data/images/") + image), folder_ / "data/images" / image);
    }
    SpoiledCase(const SpoiledCase&) = delete;
    SpoiledCase& operator=(const SpoiledCase&) = delete;
    ~SpoiledCase() {
        std::error_code error;
        std::filesystem::remove_all(folder_, error);
    }

    std::string folder() const { return folder_.string(); }

    /// Adds `change` to element 0 of a tensor of the file.
    void shift(const char* file, const std::string& tensor, double change) const {
        const Weights weights = read_weights((folder_ / file).string());
        REQUIRE(weights.find(tensor) != nullptr);
        Weights changed;
        for (const auto& entry : weights.entries()) {
            Tensor copy = entry.tensor.clone();
            if (entry.name == tensor) {
                if (copy.dtype() == DType::f32) copy.data<float>()[0] += float(change);
                else if (copy.dtype() == DType::f64) copy.data<double>()[0] += change;
                else if (copy.dtype() == DType::u8) copy.data<std::uint8_t>()[0] = std::uint8_t(copy.data<std::uint8_t>()[0] + int(change));
                else if (copy.dtype() == DType::i64) copy.data<std::int64_t>()[0] += std::int64_t(change);
                else copy.data<std::int32_t>()[0] += std::int32_t(change);
            }
            changed.add(entry.name, std::move(copy));
        }
        write_safetensors((folder_ / file).string(), changed);
    }

    void replace_in_json(const std::string& from, const std::string& to) const {
        std::ifstream in(folder_ / "case.json");
        std::string text((std::istreambuf_iterator<char>(in)), {});
        in.close();
        const std::size_t at = text.find(from);
        REQUIRE(at != std::string::npos);
        text.replace(at, from.size(), to);
        std::ofstream(folder_ / "case.json") << text;
    }

private:
    static void copy(const std::filesystem::path& from, const std::filesystem::path& to) {
        std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::permissions(to, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    }

    std::filesystem::path folder_;
};

/// The nodes of checks that did not pass.
inline std::vector<std::string> failures(const GoldenReport& report) {
    std::vector<std::string> names;
    for (const GoldenCheck& check : report.checks) {
        if (!check.passed()) names.push_back(check.node);
    }
    return names;
}

}  // namespace regulus::testing
