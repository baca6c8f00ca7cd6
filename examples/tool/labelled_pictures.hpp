#pragma once
// Pictures whose class is known: a folder for each class, or a list.
#include <cstdint>
#include <string>
#include <vector>

namespace tool {

struct LabelledPicture {
    std::string path;
    std::string name;  // from the data set's folder on, or as listed
    int label = 0;     // index of its class
};

/// Where the pictures are and what their classes are called.
struct LabelledFolder {
    std::string images;  // the folder
    std::string list;    // a file of lines "NAME LABEL"; empty: every picture lies in a folder of its class
    std::string names;   // a file of classes in the model's order, one a line; empty: none
};

/// The folders in a folder, sorted by name; those whose name begins with a dot are left alone. Throws regulus::FileError for what cannot be read,
/// regulus::ArgumentError where there are none.
std::vector<std::string> class_folders(const std::string& images);

/// All pictures, sorted by name (folders) or as listed. `classes`: how many the model has; `known`: what it calls them, may be empty.
///
/// Folders: `names` or `known` say which folder is which class when they have all of them; else there must be as many folders as classes, and they are
/// counted in the order of their names, as torchvision's ImageFolder does. Folders whose name begins with a dot are left alone.
/// Lists: LABEL is the last word of a line: an index from 0, or a name of `names` or `known`. NAME is relative to the folder; empty lines do not count.
/// A name of a class is a whole line of `names` or its first word ("n01440764 tench, Tinca tinca").
/// Throws regulus::FileError or regulus::ArgumentError for what does not exist, cannot be understood, or does not fit.
std::vector<LabelledPicture> find_labelled(const LabelledFolder& folder, int classes, const std::vector<std::string>& known);

}  // namespace tool
