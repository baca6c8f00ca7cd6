#include "labelled_pictures.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include <regulus/core/error.hpp>

#include "classifiers.hpp"
#include "eval_run.hpp"

namespace tool {

namespace fs = std::filesystem;

namespace {

/// What ImageFolder takes for a picture; those that Regulus cannot read are then told as broken, not passed over.
bool is_picture(const fs::path& path) {
    std::string suffix = path.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    for (const char* known : {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}) {
        if (suffix == known) return true;
    }
    return false;
}

/// Class indices by name: whole lines, and first words that only one line has.
class ClassIndex {
public:
    ClassIndex(const std::vector<std::string>& names, std::string source) : source_(std::move(source)) {
        for (std::size_t i = 0; i < names.size(); ++i) by_name_.emplace(names[i], int(i));
        std::map<std::string, int> words;
        for (std::size_t i = 0; i < names.size(); ++i) {
            const auto [word, fresh] = words.emplace(names[i].substr(0, names[i].find_first_of(" \t")), int(i));
            if (!fresh) word->second = -1;
        }
        for (const auto& [word, index] : words) {
            if (index >= 0) by_name_.emplace(word, index);
        }
    }

    bool empty() const { return by_name_.empty(); }
    const std::string& source() const { return source_; }
    std::optional<int> find(const std::string& name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? std::nullopt : std::optional<int>(found->second);
    }

private:
    std::string source_;
    std::map<std::string, int> by_name_;
};

ClassIndex class_index(const LabelledFolder& folder, int classes, const std::vector<std::string>& known) {
    if (folder.names.empty()) return {known, "the model"};
    const std::vector<std::string> names = read_lines(folder.names);
    if (names.size() != std::size_t(classes)) {
        throw regulus::ArgumentError("pictures: " + folder.names + " names " + count_of(names.size(), "class") + ", the model has " + std::to_string(classes));
    }
    return {names, folder.names};
}

/// The pictures of a class and of the folders in it.
void collect(const fs::path& folder, const std::string& name, int label, int depth, std::vector<LabelledPicture>& pictures) {
    if (depth > 32) throw regulus::FileError("pictures: " + folder.string() + " lies too deep; is a link a circle?");
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const std::string inner = name + "/" + at->path().filename().string();
        std::error_code kind;
        if (at->is_directory(kind)) collect(at->path(), inner, label, depth + 1, pictures);
        else if (is_picture(at->path())) pictures.push_back({at->path().string(), inner, label});
    }
    if (error) throw regulus::FileError("pictures: " + folder.string() + ": " + error.message());
}

std::vector<LabelledPicture> from_folders(const LabelledFolder& folder, int classes, const ClassIndex& index) {
    const std::vector<std::string> names = class_folders(folder.images);
    const auto unknown = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return !index.find(name); });
    const bool named = unknown == names.end();
    if (!named && !folder.names.empty()) throw regulus::ArgumentError("pictures: " + folder.names + " has no class for the folder \"" + *unknown + "\" of " + folder.images);
    if (!named && names.size() != std::size_t(classes)) {
        throw regulus::ArgumentError("pictures: " + folder.images + " has folders of " + count_of(names.size(), "class") + ", the model has " + std::to_string(classes) +
                                     "; for some of the classes, give --classes FILE: all names of folders in the model's order, one a line");
    }
    std::vector<LabelledPicture> pictures;
    for (std::size_t i = 0; i < names.size(); ++i) collect(fs::path(folder.images) / names[i], names[i], named ? *index.find(names[i]) : int(i), 0, pictures);
    std::sort(pictures.begin(), pictures.end(), [](const LabelledPicture& a, const LabelledPicture& b) { return a.name < b.name; });
    return pictures;
}

std::vector<LabelledPicture> from_list(const LabelledFolder& folder, int classes, const ClassIndex& index) {
    std::vector<LabelledPicture> pictures;
    const std::vector<std::string> lines = read_lines(folder.list);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string& line = lines[i];
        const auto fail = [&](const std::string& what) { return regulus::FileError("pictures: " + folder.list + ", line " + std::to_string(i + 1) + ": " + what); };
        const std::size_t last = line.find_last_not_of(" \t");
        if (last == std::string::npos) continue;
        const std::size_t blank = line.find_last_of(" \t", last);
        const std::size_t end = blank == std::string::npos ? std::string::npos : line.find_last_not_of(" \t", blank);
        if (end == std::string::npos) throw fail("needs the name of a picture and its label, got \"" + line.substr(0, 80) + "\"");
        const std::string name = line.substr(0, end + 1), label = line.substr(blank + 1, last - blank);
        int number = -1;
        if (const std::optional<int> known = index.find(label)) {
            number = *known;
        } else {
            const auto [at, error] = std::from_chars(label.data(), label.data() + label.size(), number);
            if (error != std::errc() || at != label.data() + label.size()) {
                throw fail("the label \"" + label.substr(0, 80) + "\" is neither an index nor a class of " + (index.empty() ? "the model; give --classes FILE" : index.source()));
            }
        }
        if (number < 0 || number >= classes) throw fail("the label must be 0 .. " + std::to_string(classes - 1) + ", got " + label);
        pictures.push_back({(fs::path(folder.images) / name).string(), name, number});
    }
    return pictures;
}

}  // namespace

std::vector<std::string> class_folders(const std::string& images) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(images, error), end; !error && at != end; at.increment(error)) {
        std::error_code kind;
        const std::string name = at->path().filename().string();
        if (name[0] != '.' && at->is_directory(kind)) names.push_back(name);
    }
    if (error) throw regulus::FileError("pictures: " + images + ": " + error.message());
    if (names.empty()) throw regulus::ArgumentError("pictures: " + images + " has no folders of classes; for pictures in one folder give --labels FILE, lines of \"NAME LABEL\"");
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<LabelledPicture> find_labelled(const LabelledFolder& folder, int classes, const std::vector<std::string>& known) {
    std::error_code error;
    if (!fs::is_directory(folder.images, error)) throw regulus::FileError("pictures: " + folder.images + " is no folder");
    const ClassIndex index = class_index(folder, classes, known);
    std::vector<LabelledPicture> pictures = folder.list.empty() ? from_folders(folder, classes, index) : from_list(folder, classes, index);
    if (pictures.empty()) throw regulus::ArgumentError("pictures: there are no pictures in " + (folder.list.empty() ? folder.images : folder.list));
    return pictures;
}

}  // namespace tool
