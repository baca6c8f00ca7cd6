#pragma once
// Which files the user means by PICTURE|DIR..., and which numbers they have in a results file.
#include <cstdint>
#include <string>
#include <vector>

namespace tool {

/// One picture to look at.
struct Picture {
    std::string path;
    std::string name;           // without its folder
    std::int64_t image_id = 0;  // in COCO results
};

/// Files as given; folders give their *.jpg, *.jpeg and *.png sorted by name. Ids count from 1 in this order, or come from the images of a COCO
/// annotations file when `annotations` names one. Throws regulus::FileError for what does not exist, a folder without pictures, a picture
/// that the annotations lack.
std::vector<Picture> find_pictures(const std::vector<std::string>& paths, const std::string& annotations);

/// Throws regulus::FileError unless a file can be made at `path` (its folder exists and is writable, it is no folder itself).
void require_writable(const std::string& path);

/// The folder for drawn pictures, made when it is missing. Throws regulus::FileError when it cannot be, or when a drawn picture would replace
/// its original or another drawn one.
void prepare_draw_folder(const std::string& folder, const std::vector<Picture>& pictures);

/// The drawn picture's path: the original's name, with .png added when its suffix is no picture's.
std::string drawn_path(const std::string& folder, const Picture& picture);

/// "street.jpg" as "street.png": the file of a picture's segments.
std::string segments_name(const std::string& picture);

/// The same folder for these. Throws as prepare_draw_folder.
void prepare_segments_folder(const std::string& folder, const std::vector<Picture>& pictures);

}  // namespace tool
