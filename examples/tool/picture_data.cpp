#include "picture_data.hpp"

#include <algorithm>
#include <system_error>

#include <regulus/core/error.hpp>

namespace tool {

namespace fs = std::filesystem;

void find_lvis_files(regulus::CocoDataset& dataset, const std::string& folder) {
    for (regulus::CocoImage& image : dataset.images) {
        const std::size_t slash = image.file_name.rfind('/');
        if (slash == std::string::npos || fs::exists(folder + "/" + image.file_name)) continue;
        if (const std::string name = image.file_name.substr(slash + 1); fs::exists(folder + "/" + name)) image.file_name = name;
    }
}

std::vector<std::int64_t> lvis_categories(const regulus::ModelSpec& model, const regulus::CocoDataset& dataset, const std::string& who) {
    if (model.data.rfind("LVIS", 0) != 0) return {};
    const std::int64_t classes = std::int64_t(model.facts.class_names.size());
    for (const regulus::CocoCategory& category : dataset.categories) {
        if (category.id >= 1 && category.id <= classes) continue;
        throw regulus::ArgumentError(who + ": " + model.name + " knows the categories 1 .. " + std::to_string(classes) + " of " + model.data + ", the annotations have " + std::to_string(category.id));
    }
    if (std::int64_t(dataset.categories.size()) != classes) {
        throw regulus::ArgumentError(who + ": " + model.name + " is of " + model.data + " with its " + std::to_string(classes) + " categories, the annotations have " + std::to_string(dataset.categories.size()) +
                                     ": they are of another version");
    }
    std::vector<std::int64_t> ids;
    for (std::int64_t label = 0; label < classes; ++label) ids.push_back(label + 1);
    return ids;
}

std::string voc_list(const std::string& dataset, const std::string& split) { return dataset + "/ImageSets/Main/" + split + ".txt"; }

std::vector<fs::path> files_below(const std::string& folder, const std::string& suffix, const std::string& who) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().string();
        if (name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0) files.push_back(at->path());
    }
    if (error) throw regulus::FileError(who + ": cannot read the folder " + folder + ": " + error.message());
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<Street> find_streets(const std::string& dataset, const std::string& split, const std::string& who) {
    const std::string folder = dataset + "/gtFine/" + split, suffix = "_gtFine_instanceIds.png";
    std::vector<Street> streets;
    for (const fs::path& path : files_below(folder, suffix, who)) {
        const std::string name = path.filename().string();
        streets.push_back({name.substr(0, name.size() - suffix.size()), path.parent_path().filename().string(), path.string()});
    }
    if (streets.empty()) throw regulus::FileError(who + ": " + folder + " has no files *" + suffix);
    return streets;
}

std::string street_file(const Street& street) { return street.city + "/" + street.name + "_leftImg8bit.png"; }

}  // namespace tool
