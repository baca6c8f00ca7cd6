#include "eval_plots.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include <regulus/data/image_file.hpp>
#include <regulus/draw/draw_detections.hpp>
#include <regulus/draw/plot.hpp>

namespace tool {

namespace {

const char* name_of(regulus::CocoKind kind) { return kind == regulus::CocoKind::boxes ? "boxes" : kind == regulus::CocoKind::masks ? "masks" : "keypoints"; }

void make_folder(const std::string& folder) {
    if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) throw regulus::FileError("eval: " + folder + ": " + std::strerror(errno));
}

std::string with_percent(const std::string& name, double value) {
    char text[24];
    std::snprintf(text, sizeof text, "  %.1f", 100 * value);
    return name + (value < 0 ? "  -" : text);
}

/// Precision at each recall, mean over the categories chosen (-1: all that have objects).
std::vector<regulus::PlotPoint> curve(const regulus::CocoEvaluation& e, std::size_t threshold, int category) {
    std::vector<regulus::PlotPoint> points;
    for (std::size_t r = 0; r < e.settings.recalls.size(); ++r) {
        double sum = 0;
        int count = 0;
        for (std::size_t k = 0; k < e.category_ids.size(); ++k) {
            if (category >= 0 && int(k) != category) continue;
            const double precision = e.precision_at(threshold, r, k, 0, e.settings.max_dets.size() - 1);
            if (precision < 0) continue;
            sum += precision;
            ++count;
        }
        if (count != 0) points.push_back({e.settings.recalls[r], sum / count});
    }
    return points;
}

void plot_categories(const std::string& path, const std::string& title, const regulus::CocoEvaluation& e, const std::vector<std::size_t>& categories) {
    regulus::Plot plot{title, "recall", "precision", {}};
    int colour = 0;
    for (const std::size_t k : categories) {
        const double ap = e.average_precision({.threshold = 0, .category = int(k)});
        plot.curves.push_back({with_percent(e.category_names[k], ap), regulus::class_colour(colour++), curve(e, 0, int(k))});
    }
    regulus::write_png(path, regulus::draw_plot(plot));
}

/// The boxes of a picture, told apart at IoU .5.
struct Verdicts {
    std::vector<regulus::DrawnObject> objects;
    int missed = 0;
    int imagined = 0;
};

double overlap(const std::array<double, 4>& a, const std::array<double, 4>& b) {
    const double w = std::min(a[0] + a[2], b[0] + b[2]) - std::max(a[0], b[0]), h = std::min(a[1] + a[3], b[1] + b[3]) - std::max(a[1], b[1]);
    if (w <= 0 || h <= 0) return 0;
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h);
}

regulus::DrawnObject drawn(const std::array<double, 4>& box, int colour, std::string label, double score) {
    regulus::DrawnObject object;
    object.box = {float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3])};
    object.class_index = colour;
    object.label = std::move(label);
    object.score = float(score);
    return object;
}

constexpr int missed_colour = 0, found_colour = 4, imagined_colour = 7;  // vermilion, green, violet

Verdicts judge(const std::vector<const regulus::CocoAnnotation*>& truths, std::vector<const regulus::CocoDetection*> detections, const std::map<std::int64_t, std::string>& names) {
    std::stable_sort(detections.begin(), detections.end(), [](const auto* a, const auto* b) { return a->score > b->score; });
    Verdicts verdicts;
    std::vector<bool> taken(truths.size(), false);
    const auto name = [&](std::int64_t id) { const auto found = names.find(id); return found == names.end() ? std::to_string(id) : found->second; };
    for (const regulus::CocoDetection* detection : detections) {
        std::size_t best = truths.size();
        double most = 0.5;
        bool in_crowd = false;
        for (std::size_t t = 0; t < truths.size(); ++t) {
            if (truths[t]->category_id != detection->category_id) continue;
            const double iou = overlap(*detection->bbox, truths[t]->bbox);
            if (truths[t]->iscrowd) in_crowd = in_crowd || iou > 0;
            else if (!taken[t] && iou >= most) most = iou, best = t;
        }
        if (best < truths.size()) {
            taken[best] = true;
            verdicts.objects.push_back(drawn(*detection->bbox, found_colour, "", -1));
        } else if (!in_crowd) {
            ++verdicts.imagined;
            verdicts.objects.push_back(drawn(*detection->bbox, imagined_colour, "false " + name(detection->category_id), detection->score));
        }
    }
    for (std::size_t t = 0; t < truths.size(); ++t) {
        if (taken[t] || truths[t]->iscrowd) continue;
        ++verdicts.missed;
        verdicts.objects.push_back(drawn(truths[t]->bbox, missed_colour, "missed " + name(truths[t]->category_id), -1));
    }
    return verdicts;
}

}  // namespace

void plot_evaluation(const std::string& folder, const regulus::CocoEvaluation& e) {
    make_folder(folder);
    const std::string kind = name_of(e.kind), begin = folder + "/" + kind;
    regulus::Plot plot{"Precision over recall, " + kind + ", mean of " + std::to_string(e.category_ids.size()) + " categories", "recall", "precision", {}};
    for (std::size_t t = 0; t < e.settings.iou_thresholds.size() && t < 24; ++t) {
        char name[32];
        std::snprintf(name, sizeof name, "%s %.2f  AP", e.kind == regulus::CocoKind::keypoints ? "OKS" : "IoU", e.settings.iou_thresholds[t]);
        plot.curves.push_back({with_percent(name, e.average_precision({.threshold = int(t)})), regulus::class_colour(int(t)), curve(e, t, -1)});
    }
    regulus::write_png(begin + "_by_iou.png", regulus::draw_plot(plot));

    std::vector<std::size_t> categories;
    for (std::size_t k = 0; k < e.category_ids.size(); ++k) {
        if (e.average_precision({.threshold = 0, .category = int(k)}) >= 0) categories.push_back(k);
    }
    std::stable_sort(categories.begin(), categories.end(), [&](std::size_t a, std::size_t b) {
        return e.average_precision({.threshold = 0, .category = int(a)}) > e.average_precision({.threshold = 0, .category = int(b)});
    });
    const std::string title = "Precision over recall at .50, " + kind;
    constexpr std::size_t most = 10;
    if (categories.size() <= most) {
        plot_categories(begin + "_by_category.png", title + ", each category and its AP50", e, categories);
        return;
    }
    plot_categories(begin + "_best_categories.png", title + ", the best categories and their AP50", e, {categories.begin(), categories.begin() + most});
    plot_categories(begin + "_worst_categories.png", title + ", the worst categories and their AP50", e, {categories.end() - most, categories.end()});
}

void plot_worst(const std::string& folder, const std::string& images, const regulus::CocoDataset& dataset, std::span<const regulus::CocoDetection> results) {
    make_folder(folder);
    constexpr double least_score = 0.3;
    std::map<std::int64_t, std::vector<const regulus::CocoAnnotation*>> truths;
    std::map<std::int64_t, std::vector<const regulus::CocoDetection*>> detections;
    std::map<std::int64_t, std::string> names;
    for (const auto& category : dataset.categories) names[category.id] = category.name;
    for (const auto& annotation : dataset.annotations) truths[annotation.image_id].push_back(&annotation);
    for (const auto& result : results) {
        if (result.bbox && result.score >= least_score) detections[result.image_id].push_back(&result);
    }
    std::vector<std::pair<const regulus::CocoImage*, Verdicts>> judged;
    for (const auto& image : dataset.images) judged.emplace_back(&image, judge(truths[image.id], detections[image.id], names));
    std::stable_sort(judged.begin(), judged.end(), [](const auto& a, const auto& b) { return a.second.missed + a.second.imagined > b.second.missed + b.second.imagined; });
    std::vector<regulus::SheetPicture> sheet;
    for (const auto& [image, verdicts] : judged) {
        if (sheet.size() == 9 || verdicts.missed + verdicts.imagined == 0) break;
        regulus::Image picture;
        try {
            picture = regulus::read_image(images + "/" + image->file_name);
        } catch (const regulus::FileError&) {  // a skipped one
            continue;
        }
        regulus::draw_detections(picture, verdicts.objects);
        sheet.push_back({std::move(picture), image->file_name + ": " + std::to_string(verdicts.missed) + " missed, " + std::to_string(verdicts.imagined) + " false (green: found; score from 0.3)"});
    }
    if (!sheet.empty()) regulus::write_png(folder + "/worst.png", regulus::contact_sheet(sheet, 3, 450, 600));
}

}  // namespace tool
