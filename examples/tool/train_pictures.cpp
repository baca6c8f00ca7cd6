// regulus train lvis|voc|cityscapes: detectors learn from the other data sets of pictures, read as COCO's.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/data/label_map.hpp>
#include <regulus/evaluate/cityscapes_evaluation.hpp>
#include <regulus/evaluate/voc_dataset.hpp>

#include "eval_run.hpp"
#include "in_parallel.hpp"
#include "picture_data.hpp"
#include "train.hpp"
#include "train_coco.hpp"

namespace tool {

namespace {

/// Which part of data sets in folders is learnt from.
struct Part {
    std::vector<std::string> datasets;
    std::string split;
};

std::string names_of(const Part& part) {
    std::string names;
    for (const std::string& dataset : part.datasets) names += (names.empty() ? "" : ", ") + dataset;
    return part.split + " of " + names;
}

/// Of what a data set without one file of annotations holds.
std::string identity_of(const regulus::CocoDataset& dataset) {
    std::string text;
    for (const regulus::CocoImage& image : dataset.images) text += image.file_name + ' ';
    for (const regulus::CocoCategory& category : dataset.categories) text += category.name + ' ';
    for (const regulus::CocoAnnotation& annotation : dataset.annotations) {
        text += std::to_string(annotation.image_id) + ' ' + std::to_string(annotation.category_id);
        for (const double number : annotation.bbox) text += ' ' + tool::number(number);
        text += ';';
    }
    return text_identity(text);
}

/// The annotations of several folders as one data set; pictures' file names become paths.
AnnotatedPictures read_voc(const Part& part) {
    std::vector<regulus::VocPicture> pictures;
    std::vector<std::string> paths;
    for (const std::string& dataset : part.datasets) {
        for (regulus::VocPicture& picture : regulus::read_voc_pictures(dataset + "/Annotations", regulus::read_voc_ids(voc_list(dataset, part.split)))) {
            paths.push_back(dataset + "/JPEGImages/" + picture.id + ".jpg");
            pictures.push_back(std::move(picture));
        }
    }
    AnnotatedPictures all{regulus::voc_as_coco(pictures), {}, names_of(part), ""};
    for (std::size_t i = 0; i < paths.size(); ++i) all.dataset.images[i].file_name = std::move(paths[i]);
    all.identity = identity_of(all.dataset);
    return all;
}

AnnotatedPictures read_cityscapes(const Part& part, int threads) {
    AnnotatedPictures all{{}, {}, names_of(part), ""};
    for (const regulus::CityscapesClass& each : regulus::cityscapes_classes()) all.dataset.categories.push_back({each.id, each.name, ""});
    const std::string& dataset = part.datasets.front();
    const std::vector<Street> streets = find_streets(dataset, part.split, "train");
    std::vector<std::vector<regulus::CocoAnnotation>> annotations(streets.size());
    std::vector<regulus::PictureSize> sizes(streets.size());
    in_parallel_or_throw(streets.size(), threads, [&](std::size_t i) {
        const regulus::SegmentMap truth = regulus::read_label_map(streets[i].truth);
        sizes[i] = truth.size();
        annotations[i] = regulus::cityscapes_annotations(truth);
    });
    for (std::size_t i = 0; i < streets.size(); ++i) {
        all.dataset.images.push_back({std::int64_t(i), sizes[i].width, sizes[i].height, dataset + "/leftImg8bit/" + part.split + "/" + street_file(streets[i])});
        for (regulus::CocoAnnotation& annotation : annotations[i]) {
            annotation.image_id = std::int64_t(i);
            annotation.id = std::int64_t(all.dataset.annotations.size());
            all.dataset.annotations.push_back(std::move(annotation));
        }
    }
    all.identity = identity_of(all.dataset);
    return all;
}

AnnotatedPictures read_lvis(const PictureFiles& files, const regulus::ModelSpec& model) {
    regulus::CocoDataset dataset = regulus::read_lvis_annotations(files.annotations).coco;
    std::vector<std::int64_t> ids = lvis_categories(model, dataset, "train");
    find_lvis_files(dataset, files.images);
    AnnotatedPictures all = pictures_of(files, std::move(dataset));
    all.category_ids = std::move(ids);
    return all;
}

}  // namespace

void add_train_lvis(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<CocoOptions>();
    auto files = std::make_shared<PictureFiles>();
    options->read = [files](const regulus::ModelSpec& model) { return read_lvis(*files, model); };
    CLI::App* command = app.add_subcommand("lvis", "A detector learns from LVIS's annotations (versions 0.5 and 1), as `train coco` does from COCO's: pictures of rare categories are shown more often.\n"
                                                   "Example:\n"
                                                   "  regulus train lvis --model LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x --weights R-50.pkl --images train2017 --annotations lvis_v0.5_train.json --out lvis.safetensors");
    command->add_option("--images", files->images, "Folder of the pictures of COCO 2017, or the one that train2017 and val2017 are in")->required();
    command->add_option("--annotations", files->annotations, "LVIS annotations (JSON)")->required();
    add_picture_training(*command, options, outcome);
}

void add_train_voc(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<CocoOptions>();
    auto part = std::make_shared<Part>(Part{{}, "trainval"});
    options->read = [part](const regulus::ModelSpec&) { return read_voc(*part); };
    CLI::App* command = app.add_subcommand("voc", "A detector learns from Pascal VOC's annotations, difficult objects too, as `train coco` does from COCO's.\n"
                                                  "Example:\n"
                                                  "  regulus train voc --model PascalVOC-Detection/faster_rcnn_R_50_C4 --weights R-50.pkl --dataset VOCdevkit/VOC2007 --dataset VOCdevkit/VOC2012 --out voc.safetensors");
    command->add_option("--dataset", part->datasets, "Folder with Annotations/ID.xml, ImageSets/Main/SPLIT.txt and JPEGImages/ID.jpg; several are one data set")->required()->allow_extra_args(false);
    command->add_option("--split", part->split, "Which list of pictures")->capture_default_str();
    add_picture_training(*command, options, outcome);
}

void add_train_cityscapes(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<CocoOptions>();
    auto part = std::make_shared<Part>(Part{{""}, "train"});
    options->read = [part, raw = options.get()](const regulus::ModelSpec&) { return read_cityscapes(*part, threads_of(raw->run)); };
    CLI::App* command = app.add_subcommand("cityscapes", "A detector learns from Cityscapes' instances (pixels of instanceIds files, groups left out), as `train coco` does from COCO's.\n"
                                                         "Example:\n"
                                                         "  regulus train cityscapes --model Cityscapes/mask_rcnn_R_50_FPN --weights mask_rcnn_R_50_FPN_3x.pkl --dataset cityscapes --out streets.safetensors");
    command->add_option("--dataset", part->datasets.front(), "Folder with gtFine/SPLIT/CITY/NAME_gtFine_instanceIds.png and leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png")->required();
    command->add_option("--split", part->split, "Which part of it")->capture_default_str();
    add_picture_training(*command, options, outcome);
}

}  // namespace tool
