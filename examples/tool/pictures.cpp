#include "pictures.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>

namespace tool {

namespace fs = std::filesystem;

namespace {

bool has_picture_suffix(const fs::path& path) {
    std::string suffix = path.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return suffix == ".jpg" || suffix == ".jpeg" || suffix == ".png";
}

/// File name to id of a COCO annotations file.
std::map<std::string, std::int64_t> image_ids(const std::string& path) {
    const std::vector<std::uint8_t> bytes = regulus::read_file(path, std::int64_t(1) << 31);
    const regulus::Json json = regulus::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, {64, std::size_t(1) << 28});
    const regulus::Json* images = json.find("images");
    if (images == nullptr || images->array() == nullptr) throw regulus::FileError("read: " + path + " is no COCO annotations file: it has no list \"images\"");
    std::map<std::string, std::int64_t> ids;
    for (const regulus::Json& image : *images->array()) {
        const regulus::Json* name = image.find("file_name");
        const regulus::Json* id = image.find("id");
        if (name == nullptr || name->text() == nullptr || id == nullptr || id->integer() == nullptr) {
            throw regulus::FileError("read: " + path + ": every entry of \"images\" needs a file_name and an integer id");
        }
        ids[fs::path(*name->text()).filename().string()] = *id->integer();
    }
    return ids;
}

}  // namespace

std::vector<Picture> find_pictures(const std::vector<std::string>& paths, const std::string& annotations) {
    std::vector<Picture> pictures;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            if (!fs::exists(path, error)) throw regulus::FileError("read: " + path + " does not exist");
            pictures.push_back({path, fs::path(path).filename().string(), 0});
            continue;
        }
        std::vector<fs::path> inside;
        for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
            if (has_picture_suffix(at->path()) && at->is_regular_file(error)) inside.push_back(at->path());
        }
        if (error) throw regulus::FileError("read: " + path + ": " + error.message());
        if (inside.empty()) throw regulus::FileError("read: the folder " + path + " holds no *.jpg, *.jpeg or *.png");
        std::sort(inside.begin(), inside.end());
        for (const fs::path& file : inside) pictures.push_back({file.string(), file.filename().string(), 0});
    }
    if (annotations.empty()) {
        for (std::size_t i = 0; i < pictures.size(); ++i) pictures[i].image_id = std::int64_t(i) + 1;
        return pictures;
    }
    const std::map<std::string, std::int64_t> ids = image_ids(annotations);
    for (Picture& picture : pictures) {
        const auto found = ids.find(picture.name);
        if (found == ids.end()) throw regulus::FileError("read: " + annotations + " does not list the picture " + picture.name);
        picture.image_id = found->second;
    }
    return pictures;
}

void require_writable(const std::string& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) throw regulus::FileError("write: " + path + " is a folder; name a file");
    fs::path folder = fs::path(path).parent_path();
    if (folder.empty()) folder = ".";
    if (!fs::is_directory(folder, error)) throw regulus::FileError("write: " + path + ": the folder " + folder.string() + " does not exist");
    const bool exists = fs::exists(path, error);
    if (access(exists && !fs::is_regular_file(path, error) ? path.c_str() : folder.c_str(), W_OK) != 0) throw regulus::FileError("write: " + path + " cannot be written: permission denied");
}

std::string drawn_path(const std::string& folder, const Picture& picture) { return (fs::path(folder) / (has_picture_suffix(picture.name) ? picture.name : picture.name + ".png")).string(); }

std::string segments_name(const std::string& picture) { return fs::path(picture).replace_extension(".png").string(); }

namespace {

/// Makes the folder and checks that the file path_of(picture) of each picture is its own and no original.
template <class PathOf>
void prepare_folder(const std::string& folder, const std::vector<Picture>& pictures, PathOf&& path_of) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (!fs::is_directory(folder, error)) throw regulus::FileError("write: the folder " + folder + " cannot be made");
    if (access(folder.c_str(), W_OK | X_OK) != 0) throw regulus::FileError("write: the folder " + folder + " cannot be written: permission denied");
    std::set<std::string> written;
    std::multimap<std::string, const Picture*> originals;
    for (const Picture& picture : pictures) originals.emplace(picture.name, &picture);
    for (const Picture& picture : pictures) {
        const std::string path = path_of(picture);
        if (!written.insert(path).second) throw regulus::FileError("write: two pictures are called " + picture.name + "; draw them into separate folders");
        const auto [first, last] = originals.equal_range(fs::path(path).filename().string());
        for (auto at = first; at != last; ++at) {
            if (fs::equivalent(at->second->path, path, error)) throw regulus::FileError("write: drawing into " + folder + " would replace the picture " + at->second->path);
        }
    }
}

}  // namespace

void prepare_draw_folder(const std::string& folder, const std::vector<Picture>& pictures) {
    prepare_folder(folder, pictures, [&](const Picture& picture) { return drawn_path(folder, picture); });
}

void prepare_segments_folder(const std::string& folder, const std::vector<Picture>& pictures) {
    prepare_folder(folder, pictures, [&](const Picture& picture) { return (fs::path(folder) / segments_name(picture.name)).string(); });
}

}  // namespace tool
