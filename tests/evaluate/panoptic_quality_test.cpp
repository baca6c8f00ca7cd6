// Panoptic quality against the golden file, a definition in plain loops over pixels, and hand-counted pictures.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/panoptic_quality.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

SegmentMap map_of(std::int64_t height, std::int64_t width, std::vector<std::uint32_t> ids) { return {height, width, std::move(ids)}; }

/// Eight categories, two kinds.
std::vector<PanopticCategory> some_categories(int count = 4) {
    std::vector<PanopticCategory> categories;
    for (int k = 0; k < count; ++k) categories.push_back({10 + 3 * k, "category " + std::to_string(k), k % 2 == 0});
    return categories;
}

/// Random rectangles over each other; every listed segment has a pixel.
struct RandomPicture {
    SegmentMap truth, predicted;
    std::vector<PanopticSegmentInfo> true_segments, predicted_segments;

    RandomPicture(std::mt19937& random, const std::vector<PanopticCategory>& categories) {
        const auto whole = [&](int low, int high) { return low + int(random() % std::uint32_t(high - low + 1)); };
        const int height = whole(1, 24), width = whole(1, 30);
        truth = {height, width, std::vector<std::uint32_t>(std::size_t(height * width))};
        paint(truth, true_segments, whole, categories);
        if (whole(0, 2) > 0) predicted = truth, predicted_segments = true_segments;  // much alike, so that pairs are found
        else predicted = {height, width, std::vector<std::uint32_t>(truth.ids.size())};
        for (PanopticSegmentInfo& segment : predicted_segments) segment.iscrowd = false;
        paint(predicted, predicted_segments, whole, categories);
        if (whole(0, 3) == 0 && !true_segments.empty()) true_segments.pop_back();  // its pixels keep an id that is not listed
    }

    template <class Whole>
    static void paint(SegmentMap& map, std::vector<PanopticSegmentInfo>& segments, Whole&& whole, const std::vector<PanopticCategory>& categories) {
        for (int i = whole(0, 6); i > 0; --i) {
            const std::uint32_t id = std::uint32_t(whole(0, 1) == 0 ? whole(1, 40) : whole(60'000, 70'000));
            const auto before = map;
            const int top = whole(0, int(map.height) - 1), left = whole(0, int(map.width) - 1), bottom = whole(top, int(map.height) - 1), right = whole(left, int(map.width) - 1);
            for (int y = top; y <= bottom; ++y) {
                for (int x = left; x <= right; ++x) map.ids[std::size_t(y * map.width + x)] = id;
            }
            bool listed = false;
            for (const PanopticSegmentInfo& segment : segments) listed = listed || segment.id == std::int64_t(id);
            if (!listed) segments.push_back({id, categories[std::size_t(whole(0, int(categories.size()) - 1))].id, 0, whole(0, 4) == 0});
        }
        std::map<std::uint32_t, std::int64_t> areas;
        for (const std::uint32_t id : map.ids) ++areas[id];
        std::vector<PanopticSegmentInfo> seen;
        for (PanopticSegmentInfo segment : segments) {
            segment.area = areas[std::uint32_t(segment.id)];
            if (segment.area > 0) seen.push_back(segment);
        }
        segments = seen;
    }
};

/// The rules of the fact sheet (D.8), each read off the pixels anew.
std::map<std::int64_t, PanopticCounts> by_definition(const RandomPicture& picture) {
    const auto pixels = [&](auto&& wanted) {
        std::int64_t count = 0;
        for (std::size_t i = 0; i < picture.truth.ids.size(); ++i) count += wanted(picture.truth.ids[i], picture.predicted.ids[i]) ? 1 : 0;
        return double(count);
    };
    std::map<std::int64_t, PanopticCounts> counts;
    std::set<std::int64_t> paired;
    for (const PanopticSegmentInfo& g : picture.true_segments) {
        if (g.iscrowd) continue;
        bool found = false;
        for (const PanopticSegmentInfo& p : picture.predicted_segments) {
            if (p.category_id != g.category_id) continue;
            const double both = pixels([&](std::uint32_t t, std::uint32_t q) { return t == g.id && q == p.id; });
            const double either = pixels([&](std::uint32_t t, std::uint32_t q) { return t == g.id || (q == p.id && t != 0); });
            if (!(both / either > 0.5)) continue;
            found = true;
            paired.insert(p.id);
            ++counts[g.category_id].found;
            counts[g.category_id].overlap += both / either;
        }
        if (!found) ++counts[g.category_id].missed;
    }
    for (const PanopticSegmentInfo& p : picture.predicted_segments) {
        if (paired.count(p.id) > 0) continue;
        std::int64_t crowd = -1;
        for (const PanopticSegmentInfo& g : picture.true_segments) {
            if (g.iscrowd && g.category_id == p.category_id) crowd = g.id;
        }
        const double excused = pixels([&](std::uint32_t t, std::uint32_t q) { return q == p.id && (t == 0 || std::int64_t(t) == crowd); });
        if (!(excused > 0.5 * pixels([&](std::uint32_t, std::uint32_t q) { return q == p.id; }))) ++counts[p.category_id].wrong;
    }
    return counts;
}

std::vector<PanopticSegmentInfo> segments_of(const Json& json, const std::vector<std::uint32_t>& ids) {
    std::vector<PanopticSegmentInfo> segments;
    for (const Json& item : list(json)) {
        PanopticSegmentInfo segment{whole(member(item, "id")), whole(member(item, "category_id")), 0, false};
        if (const Json* area = item.find("area")) segment.area = whole(*area);
        else segment.area = std::count(ids.begin(), ids.end(), std::uint32_t(segment.id));
        if (const Json* crowd = item.find("iscrowd")) segment.iscrowd = whole(*crowd) == 1;
        segments.push_back(segment);
    }
    return segments;
}

SegmentMap map_of(const Tensor& tensor) {
    SegmentMap map{tensor.shape()[0], tensor.shape()[1], {}};
    for (std::int64_t i = 0; i < tensor.numel(); ++i) map.ids.push_back(tensor.dtype() == DType::i64 ? std::uint32_t(tensor.data<std::int64_t>()[i]) : std::uint32_t(tensor.data<std::int32_t>()[i]));
    return map;
}

}  // namespace

TEST_CASE("panoptic quality: the counts, overlaps and means of the golden file") {
    const std::string name = "golden/detection2d/ops/panoptic_quality";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    PanopticDataset dataset;
    for (const auto& [id, facts] : *member(golden.facts, "categories").object()) dataset.categories.push_back({std::stoll(id), "c" + id, whole(member(facts, "isthing")) == 1});
    std::vector<PanopticAnnotation> results;
    std::vector<SegmentMap> truths, predictions;
    for (const Json& picture : list(member(golden.facts, "cases"))) {
        const std::int64_t id = std::int64_t(dataset.images.size());
        truths.push_back(map_of(golden.tensor(text_of(member(member(picture, "inputs"), "gt")))));
        predictions.push_back(map_of(golden.tensor(text_of(member(member(picture, "inputs"), "pred")))));
        dataset.images.push_back({id, truths.back().width, truths.back().height, ""});
        dataset.annotations.push_back({id, "", segments_of(member(picture, "gt_segments"), truths.back().ids)});
        results.push_back({id, "", segments_of(member(picture, "pred_segments"), predictions.back().ids)});
    }
    REQUIRE(results.size() == 5);
    const auto of = [](const std::vector<SegmentMap>& maps) { return [&maps](const PanopticAnnotation& annotation, const CocoImage&) { return maps[std::size_t(annotation.image_id)]; }; };
    for (const int threads : {1, 3}) {
        const PanopticEvaluation evaluation = evaluate_panoptic(dataset, of(truths), results, of(predictions), threads);
        const Json& expected = member(golden.facts, "result");
        for (std::size_t k = 0; k < dataset.categories.size(); ++k) {
            const Json& category = member(member(expected, "per_category"), std::to_string(dataset.categories[k].id));
            const PanopticCounts& counts = evaluation.counts[k];
            CAPTURE(k);
            CHECK(counts.found == whole(member(category, "tp")));
            CHECK(counts.wrong == whole(member(category, "fp")));
            CHECK(counts.missed == whole(member(category, "fn")));
            // Sums of the same doubles in another order.
            CHECK(counts.overlap == doctest::Approx(number(member(category, "iou_sum"))).epsilon(1e-13));
            CHECK(counts.pq() == doctest::Approx(number(member(category, "pq"))).epsilon(1e-13));
            CHECK(counts.sq() == doctest::Approx(number(member(category, "sq"))).epsilon(1e-13));
            CHECK(counts.rq() == doctest::Approx(number(member(category, "rq"))).epsilon(1e-13));
        }
        const auto check = [&](const char* kind, const PanopticMeans& means) {
            CHECK(means.pq == doctest::Approx(number(member(member(expected, kind), "pq"))).epsilon(1e-13));
            CHECK(means.sq == doctest::Approx(number(member(member(expected, kind), "sq"))).epsilon(1e-13));
            CHECK(means.rq == doctest::Approx(number(member(member(expected, kind), "rq"))).epsilon(1e-13));
        };
        check("all", evaluation.all);
        check("things", evaluation.things);
        check("stuff", evaluation.stuff);
    }
}

TEST_CASE("panoptic quality: 3000 random pictures as the definition counts their pixels") {
    std::mt19937 random(20);
    std::int64_t found = 0, wrong = 0, missed = 0, excused = 0;
    for (int round = 0; round < 3000; ++round) {
        const auto categories = some_categories(1 + int(random() % 4));
        const RandomPicture picture(random, categories);
        std::map<std::int64_t, PanopticCounts> ours;
        for (const auto& [category, counts] : judge_panoptic_picture(picture.truth, picture.true_segments, picture.predicted, picture.predicted_segments, categories)) ours[categories[category].id] = counts;
        const auto theirs = by_definition(picture);
        CAPTURE(round);
        REQUIRE(ours.size() == theirs.size());
        std::int64_t judged = 0;
        for (const auto& [id, counts] : theirs) {
            REQUIRE(ours.count(id) == 1);
            CHECK(ours[id].found == counts.found);
            CHECK(ours[id].wrong == counts.wrong);
            CHECK(ours[id].missed == counts.missed);
            CHECK(ours[id].overlap == doctest::Approx(counts.overlap).epsilon(1e-12));  // the order of a sum
            found += counts.found, wrong += counts.wrong, missed += counts.missed, judged += counts.found + counts.wrong;
        }
        excused += std::int64_t(picture.predicted_segments.size()) - judged;
    }
    // The pictures meet every rule.
    CHECK(found > 1000);
    CHECK(wrong > 1000);
    CHECK(missed > 1000);
    CHECK(excused > 100);
}

TEST_CASE("panoptic quality: an overlap of exactly one half is no pair, pixels on void leave the union") {
    const auto categories = some_categories(1);
    const std::vector<PanopticSegmentInfo> truth{{1, 10, 4, false}}, guess{{9, 10, 0, false}};
    // 4 true pixels, 2 predicted among them: 2 / 4.
    auto counts = judge_panoptic_picture(map_of(1, 6, {1, 1, 1, 1, 0, 0}), truth, map_of(1, 6, {9, 9, 0, 0, 0, 0}), guess, categories);
    REQUIRE(counts.size() == 1);
    CHECK(counts[0].second.found == 0);
    CHECK(counts[0].second.wrong == 1);
    CHECK(counts[0].second.missed == 1);
    // 3 of 4, and 2 predicted on void, which do not count: 3 / 4.
    counts = judge_panoptic_picture(map_of(1, 6, {1, 1, 1, 1, 0, 0}), truth, map_of(1, 6, {0, 9, 9, 9, 9, 9}), guess, categories);
    CHECK(counts[0].second.found == 1);
    CHECK(counts[0].second.overlap == 0.75);
    CHECK(counts[0].second.pq() == 0.75);
    // Exactly half on void is wrong, more than half is excused.
    counts = judge_panoptic_picture(map_of(1, 6, {5, 5, 0, 0, 1, 1}), std::vector<PanopticSegmentInfo>{{1, 10, 2, false}}, map_of(1, 6, {9, 9, 9, 9, 0, 0}), guess, categories);
    CHECK(counts[0].second.wrong == 1);
    counts = judge_panoptic_picture(map_of(1, 6, {5, 0, 0, 0, 1, 1}), std::vector<PanopticSegmentInfo>{{1, 10, 2, false}}, map_of(1, 6, {9, 9, 9, 0, 0, 0}), guess, categories);
    CHECK(counts[0].second.wrong == 0);
}

TEST_CASE("panoptic quality: a picture of many short runs is counted as the plain table counts it") {
    // 600 x 600 pixels, each another pair than its neighbour: pairs are added up several times.
    std::mt19937 random(3);
    SegmentMap truth{600, 600, {}}, predicted{600, 600, {}};
    for (int i = 0; i < 600 * 600; ++i) truth.ids.push_back(1 + random() % 700), predicted.ids.push_back(1 + random() % 700);
    std::vector<PanopticSegmentInfo> segments, guesses;
    for (std::uint32_t id = 1; id <= 700; ++id) segments.push_back({id, 10, std::count(truth.ids.begin(), truth.ids.end(), id), false}), guesses.push_back({id, 10, 0, false});
    const auto counts = judge_panoptic_picture(truth, segments, predicted, guesses, some_categories(1));
    REQUIRE(counts.size() == 1);
    CHECK(counts[0].second.found == 0);
    CHECK(counts[0].second.wrong == 700);
    CHECK(counts[0].second.missed == 700);
}

TEST_CASE("panoptic quality: perfect results are 100 in every number; without segments there is none") {
    PanopticDataset dataset;
    dataset.categories = some_categories(2);
    dataset.images = {{7, 3, 2, "a.jpg"}};
    dataset.annotations = {{7, "a.png", {{1, 10, 3, false}, {300, 13, 2, false}}}};
    const auto same = [](const PanopticAnnotation&, const CocoImage&) { return map_of(2, 3, {1, 1, 1, 300, 300, 0}); };
    const PanopticEvaluation evaluation = evaluate_panoptic(dataset, same, dataset.annotations, same);
    CHECK(panoptic_table(evaluation) == "panoptic quality: 1 picture\n            PQ      SQ      RQ  categories\nall     100.00  100.00  100.00           2\n"
                                        "things  100.00  100.00  100.00           1\nstuff   100.00  100.00  100.00           1\n");
    CHECK(panoptic_category_table(evaluation) == "category     kind      PQ      SQ      RQ  found  wrong  missed\n"
                                                 "category 0  thing  100.00  100.00  100.00      1      0       0\n"
                                                 "category 1  stuff  100.00  100.00  100.00      1      0       0\n");
    dataset.annotations[0].segments.clear();
    const auto empty = [](const PanopticAnnotation&, const CocoImage&) { return map_of(2, 3, {0, 0, 0, 0, 0, 0}); };
    const PanopticEvaluation nothing = evaluate_panoptic(dataset, empty, dataset.annotations, empty);
    CHECK(std::isnan(nothing.all.pq));
    CHECK(panoptic_table(nothing) == "panoptic quality: 1 picture\n        PQ  SQ  RQ  categories\nall      -   -   -           0\nthings   -   -   -           0\nstuff    -   -   -           0\n");
}

TEST_CASE("panoptic quality: refuses what contradicts itself, by picture and segment") {
    const auto categories = some_categories(1);
    const SegmentMap one = map_of(1, 2, {1, 0});
    const std::vector<PanopticSegmentInfo> listed{{1, 10, 1, false}};
    const auto judge = [&](const SegmentMap& truth, const std::vector<PanopticSegmentInfo>& true_segments, const SegmentMap& guess, const std::vector<PanopticSegmentInfo>& guesses) {
        judge_panoptic_picture(truth, true_segments, guess, guesses, categories, "picture 4");
    };
    CHECK_THROWS_WITH_AS(judge(one, listed, map_of(2, 1, {1, 0}), listed), "picture 4: the prediction is of 2 x 1 pixels, the truth of 1 x 2", ShapeError);
    CHECK_THROWS_WITH_AS(judge(one, listed, map_of(1, 2, {1}), listed), "picture 4: prediction: a map of 1 x 2 pixels needs an id for each, got 1", ShapeError);
    CHECK_THROWS_WITH_AS(judge(one, listed, map_of(1, 2, {1, 8}), listed), "picture 4: prediction: pixels have the id 8, which is no listed segment", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(one, listed, one, {{1, 10, 0, false}, {2, 10, 0, false}}), "picture 4: prediction: segment 2 is listed and has no pixels", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(one, listed, one, {{1, 11, 0, false}}), "picture 4: prediction: segment 1 has category 11, which the data set does not list", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(one, listed, one, {{1, 10, 0, false}, {1, 10, 0, false}}), "picture 4: prediction: segment 1 is listed twice", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(one, {{1, 10, 0, false}}, one, listed), "picture 4: truth: segment 1 has an area of 0", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(one, {{1 << 24, 10, 1, false}}, one, listed), "picture 4: truth: segment id 16777216 is not 1 .. 2^24 - 1", ArgumentError);

    PanopticDataset dataset{{{4, 2, 1, ""}}, categories, {{4, "4.png", listed}}};
    const auto same = [&](const PanopticAnnotation&, const CocoImage&) { return one; };
    CHECK_THROWS_WITH_AS(evaluate_panoptic(dataset, same, {}, same), "evaluate_panoptic: there is no result for picture 4", ArgumentError);
    const std::vector<PanopticAnnotation> twice{dataset.annotations[0], dataset.annotations[0]};
    CHECK_THROWS_WITH_AS(evaluate_panoptic(dataset, same, twice, same), "evaluate_panoptic: picture 4 has two results", ArgumentError);
    CHECK_THROWS_WITH_AS(evaluate_panoptic(dataset, same, dataset.annotations, same, -1), "evaluate_panoptic: threads must be 0 or more, got -1", ArgumentError);
    dataset.annotations[0].image_id = 5;
    CHECK_THROWS_WITH_AS(evaluate_panoptic(dataset, same, dataset.annotations, same), "evaluate_panoptic: the data set: annotations[0]: \"image_id\" is 5, which \"images\" does not list", ArgumentError);
}

TEST_CASE("sum_panoptic: counts add up over pictures; a category that does not exist is refused") {
    const auto categories = some_categories(2);
    const std::vector<std::vector<std::pair<std::size_t, PanopticCounts>>> pictures{{{0, {1, 0, 1, 0.75}}, {1, {0, 1, 0, 0}}}, {{0, {1, 0, 0, 1}}}, {}};
    const PanopticEvaluation evaluation = sum_panoptic(categories, pictures);
    CHECK(evaluation.images == 3);
    CHECK(evaluation.counts[0].found == 2);
    CHECK(evaluation.things.pq == 0.7);  // 1.75 / (2 + 1 / 2)
    CHECK(evaluation.things.sq == 0.875);
    CHECK(evaluation.stuff.pq == 0);
    CHECK(evaluation.stuff.categories == 1);
    CHECK(evaluation.all.pq == 0.35);
    const std::vector<std::vector<std::pair<std::size_t, PanopticCounts>>> wrong{{{2, {}}}};
    CHECK_THROWS_WITH_AS(sum_panoptic(categories, wrong), "sum_panoptic: category 2 of 2", ArgumentError);
}

TEST_CASE("segment_files: reads colours, refuses other sizes before memory is taken") {
    const std::string folder = ".";
    const SegmentMap map = map_of(2, 3, {0, 255, 256, 65536, 0xFFFFFF, 70'000});
    CHECK(segments_from_colours(segments_as_colours(map)) == map);
    write_png("panoptic_quality_test.png", segments_as_colours(map));
    const SegmentReader read = segment_files(folder);
    const PanopticAnnotation annotation{1, "panoptic_quality_test.png", {}};
    CHECK(read(annotation, {1, 3, 2, ""}) == map);
    CHECK_THROWS_WITH_AS(read(annotation, {1, 2, 3, ""}), "panoptic quality: ./panoptic_quality_test.png is of 2 x 3 pixels, picture 1 has 3 x 2", FileError);
    CHECK_THROWS_WITH_AS(read(annotation, {1, 2, 2, ""}), "read_image: \"./panoptic_quality_test.png\" is 2 x 3 pixels; the limit is 4 pixels", FileError);
    CHECK_THROWS_AS(read({1, "panoptic_quality_absent.png", {}}, {1, 2, 3, ""}), FileError);
    std::remove("panoptic_quality_test.png");
    CHECK_THROWS_WITH_AS(segments_as_colours(map_of(1, 1, {1u << 24})), "segments_as_colours: segment 16777216 has no colour; ids are below 2^24", ArgumentError);
}
