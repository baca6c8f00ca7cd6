#pragma once
// Where the data sets of pictures keep their files.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <regulus/evaluate/lvis_dataset.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace tool {

/// Pictures of LVIS 1 lie in train2017 and val2017: below the folder, or in it without theirs.
void find_lvis_files(regulus::CocoDataset& dataset, const std::string& folder);

/// A class of the models of LVIS is the category of that id less 1, since their data set's names changed; empty for other models, whose classes are found by name. Throws
/// regulus::ArgumentError, said by `who`, for annotations of another version.
std::vector<std::int64_t> lvis_categories(const regulus::ModelSpec& model, const regulus::CocoDataset& dataset, const std::string& who);

/// DATASET/ImageSets/Main/SPLIT.txt of Pascal VOC.
std::string voc_list(const std::string& dataset, const std::string& split);

/// One annotated picture of Cityscapes.
struct Street {
    std::string name;   // frankfurt_000000_000294
    std::string city;   // the folder it lies in
    std::string truth;  // path of its ids
};

/// The streets below DATASET/gtFine/SPLIT. Throws regulus::FileError, said by `who`, when there are none.
std::vector<Street> find_streets(const std::string& dataset, const std::string& split, const std::string& who);

/// CITY/NAME_leftImg8bit.png of a street.
std::string street_file(const Street& street);

/// The files below a folder whose names end so, sorted. Throws regulus::FileError, said by `who`, when it cannot be read.
std::vector<std::filesystem::path> files_below(const std::string& folder, const std::string& suffix, const std::string& who);

}  // namespace tool
