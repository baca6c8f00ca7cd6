// evaluate_proposals against the definition written out over a whole table of overlaps, and its rules one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include <regulus/evaluate/proposal_recall.hpp>

using namespace regulus;

namespace {

using Corners = std::array<float, 4>;

struct RandomProposals {
    CocoDataset dataset;
    std::vector<PictureProposals> proposals;

    explicit RandomProposals(unsigned seed) : random_(seed) {
        dataset.categories = {{1, "a", ""}, {2, "b", ""}};
        for (int i = 0; i < 6; ++i) {
            dataset.images.push_back({10 - i, 300, 300, "p"});
            for (int n = whole(0, 9); n > 0; --n) {
                CocoAnnotation object;
                object.id = std::int64_t(dataset.annotations.size());
                object.image_id = 10 - i;
                object.category_id = whole(1, 2);
                object.bbox = {double(4 * whole(0, 40)), double(4 * whole(0, 40)), double(4 * whole(1, 30)), double(4 * whole(1, 30))};
                const double edges[] = {1024, 9216, 0, 100};
                object.area = whole(0, 4) == 0 ? edges[whole(0, 3)] : object.bbox[2] * object.bbox[3];
                object.iscrowd = whole(0, 9) == 0;
                dataset.annotations.push_back(object);
            }
            if (whole(0, 7) == 0) continue;
            proposals.push_back({10 - i, {}});
            for (int n = whole(0, 14); n > 0; --n) {
                float x = float(4 * whole(0, 40)), y = float(4 * whole(0, 40)), w = float(4 * whole(1, 30)), h = float(4 * whole(1, 30));
                if (!dataset.annotations.empty() && whole(0, 2) != 0) {
                    const auto& box = dataset.annotations[std::size_t(whole(0, int(dataset.annotations.size()) - 1))].bbox;
                    x = float(box[0]), y = float(box[1]), w = float(box[2]), h = float(box[3] + 4 * whole(0, 2));
                }
                proposals.back().boxes.push_back({x, y, x + w, y + h});
            }
        }
    }

private:
    int whole(int low, int high) { return low + int(random_() % unsigned(high - low + 1)); }
    std::mt19937 random_;
};

/// The mean over thresholds of the share of objects of low <= area <= high that are found; the table of overlaps is searched anew for every pair.
double plain_recall(const RandomProposals& input, double low, double high, std::size_t limit) {
    std::vector<float> recorded;
    int objects = 0;
    for (const PictureProposals& list : input.proposals) {
        std::vector<Corners> truths;
        bool any = false;
        for (const CocoAnnotation& object : input.dataset.annotations) {
            if (object.image_id != list.image_id || object.iscrowd) continue;
            any = true;
            const auto& b = object.bbox;
            if (object.area >= low && object.area <= high) truths.push_back({float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3])});
        }
        if (!any || list.boxes.empty()) continue;
        objects += int(truths.size());
        const std::size_t boxes = std::min(limit, list.boxes.size());
        std::vector<std::vector<float>> table(boxes, std::vector<float>(truths.size()));
        for (std::size_t p = 0; p < boxes; ++p) {
            for (std::size_t g = 0; g < truths.size(); ++g) {
                const Corners &a = list.boxes[p], &b = truths[g];
                const float w = std::min(a[2], b[2]) - std::max(a[0], b[0]), h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
                const float common = w > 0 && h > 0 ? w * h : 0;
                table[p][g] = common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common);
            }
        }
        for (std::size_t pair = 0; pair < std::min(boxes, truths.size()); ++pair) {
            std::size_t best_p = 0, best_g = 0;
            for (std::size_t g = 0; g < truths.size(); ++g) {
                for (std::size_t p = 0; p < boxes; ++p) {
                    if (table[p][g] > table[best_p][best_g]) best_p = p, best_g = g;
                }
            }
            recorded.push_back(table[best_p][best_g]);
            for (float& value : table[best_p]) value = -1;
            for (auto& row : table) row[best_g] = -1;
        }
    }
    if (objects == 0) return -1;
    double sum = 0;
    for (const float threshold : {0.5f, 0.55f, 0.6f, 0.65f, 0.7f, 0.75f, 0.8f, 0.85f, 0.9f, 0.95f}) {
        for (const float overlap : recorded) sum += overlap >= threshold;
    }
    return sum / 10 / objects;
}

CocoDataset one_picture(const std::vector<std::array<double, 4>>& boxes) {
    CocoDataset dataset{{{1, 100, 100, "a"}}, {{1, "one", ""}}, {}};
    for (const auto& box : boxes) {
        CocoAnnotation object;
        object.id = std::int64_t(dataset.annotations.size()) + 1;
        object.image_id = object.category_id = 1;
        object.bbox = box;
        object.area = box[2] * box[3];
        dataset.annotations.push_back(object);
    }
    return dataset;
}

}  // namespace

TEST_CASE("evaluate_proposals: agrees with the definition written out, for all sizes and limits") {
    int judged = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
        CAPTURE(seed);
        const RandomProposals input(seed);
        ProposalSettings settings;
        settings.limits = {100, 3};
        settings.threads = int(seed % 3) + 1;
        const ProposalEvaluation evaluation = evaluate_proposals(input.dataset, input.proposals, settings);
        REQUIRE(evaluation.numbers.size() == 8);
        for (const int limit : {3, 100}) {
            const std::string at = "@" + std::to_string(limit);
            const double expected[] = {plain_recall(input, 0, 1e10, std::size_t(limit)), plain_recall(input, 0, 1024, std::size_t(limit)), plain_recall(input, 1024, 9216, std::size_t(limit)),
                                       plain_recall(input, 9216, 1e10, std::size_t(limit))};
            CHECK(std::fabs(evaluation.number("AR" + at) - expected[0]) <= 1e-12);
            CHECK(std::fabs(evaluation.number("ARs" + at) - expected[1]) <= 1e-12);
            CHECK(std::fabs(evaluation.number("ARm" + at) - expected[2]) <= 1e-12);
            CHECK(std::fabs(evaluation.number("ARl" + at) - expected[3]) <= 1e-12);
            judged += expected[0] > 0 && expected[0] < 1;
        }
    }
    CHECK(judged > 100);
}

TEST_CASE("evaluate_proposals: each box finds one object, and the best pair goes first") {
    const CocoDataset dataset = one_picture({{0, 0, 10, 10}, {0, 0, 10, 9}});
    const std::vector<PictureProposals> one = {{1, {{0, 0, 10, 10}}}}, two = {{1, {{0, 0, 10, 9.5f}, {0, 0, 10, 10}}}};
    CHECK(evaluate_proposals(dataset, one).number("AR@100") == doctest::Approx(0.5));
    // the second object is left with overlap 9 / 9.5 = 0.947, which nine of the ten thresholds take
    CHECK(evaluate_proposals(dataset, two).number("AR@1000") == doctest::Approx(0.95));
    CHECK(evaluate_proposals(dataset, two).recall_at(1, 0, 9) == doctest::Approx(0.5));
}

TEST_CASE("evaluate_proposals: pictures without proposals are left out, objects and all, as are crowds") {
    CocoDataset dataset = one_picture({{0, 0, 10, 10}});
    dataset.images.push_back({2, 100, 100, "b"});
    dataset.annotations.push_back(dataset.annotations[0]);
    dataset.annotations[1].id = 2;
    dataset.annotations[1].image_id = 2;
    dataset.annotations.push_back(dataset.annotations[0]);
    dataset.annotations[2].id = 3;
    dataset.annotations[2].iscrowd = true;
    const ProposalEvaluation evaluation = evaluate_proposals(dataset, std::vector<PictureProposals>{{1, {{0, 0, 10, 10}}}, {2, {}}});
    CHECK(evaluation.number("AR@100") == 1);
    CHECK(evaluation.number("ARl@100") == -1);
    CHECK(evaluation.images == 1);
    CHECK(evaluation.truths == 1);
    CHECK(evaluate_proposals(dataset, {}).number("AR@1000") == -1);
}

TEST_CASE("evaluate_proposals: boxes whose area no float holds find nothing") {
    const float far = std::numeric_limits<float>::max() / 4;
    CHECK(evaluate_proposals(one_picture({{-1e12, -1e12, 2e12, 2e12}, {0, 0, 10, 10}}), std::vector<PictureProposals>{{1, {{-far, -far, far, far}}}}).number("AR@100") == 0);
}

TEST_CASE("proposals_of_results: by picture, best first, equal scores in their order") {
    const auto result = [](std::int64_t image, double score, double x) { return CocoDetection{image, 1, score, std::array<double, 4>{x, 2, 3, 4}, std::nullopt, {}}; };
    const auto lists = proposals_of_results(std::vector<CocoDetection>{result(5, 0.25, 1), result(2, 0.5, 2), result(5, 0.75, 3), result(5, 0.25, 4)});
    REQUIRE(lists.size() == 2);
    CHECK(lists[0].image_id == 2);
    CHECK(lists[1].boxes == std::vector<std::array<float, 4>>{{3, 2, 6, 6}, {1, 2, 4, 6}, {4, 2, 7, 6}});
    CHECK_THROWS_WITH_AS(proposals_of_results(std::vector<CocoDetection>{{1, 1, 0.5, std::nullopt, std::nullopt, {}}}), "proposals_of_results: results[0] has no bbox", ArgumentError);
    CHECK_THROWS_WITH_AS(proposals_of_results(std::vector<CocoDetection>{result(1, std::nan(""), 1)}), "proposals_of_results: results[0] has a score that is not finite", ArgumentError);
}

TEST_CASE("evaluate_proposals: says what it refuses") {
    const CocoDataset dataset = one_picture({{0, 0, 10, 10}});
    const auto judge = [&](std::vector<PictureProposals> lists, ProposalSettings settings = {}) { return evaluate_proposals(dataset, lists, settings); };
    CHECK_THROWS_WITH_AS(judge({{9, {}}}), "evaluate_proposals: picture 9 is not in the annotations: these are proposals for another data set", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({{1, {}}, {1, {}}}), "evaluate_proposals: picture 1 has two lists of proposals", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({{1, {{0, 0, std::numeric_limits<float>::infinity(), 1}}}}), "evaluate_proposals: picture 1: box 0 is not finite", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({}, {{0}, {}, 0}), "evaluate_proposals: limits must be 1 or more, got 0", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({}, {{}, {}, 0}), "evaluate_proposals: limits must name at least one number of boxes", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({}).number("AP"), "ProposalEvaluation: no number \"AP\"; there are AR@100, ARs@100, ARm@100, ARl@100, AR@1000, ARs@1000, ARm@1000, ARl@1000", ArgumentError);
}

TEST_CASE("proposal_table: numbers for people") {
    const std::string table = proposal_table(evaluate_proposals(one_picture({{0, 0, 10, 10}}), std::vector<PictureProposals>{{1, {{0, 0, 10, 10}}}}));
    CHECK(table.rfind("proposals: 1 pictures, 1 objects, 1 boxes\nnumber         %  what\nAR@100    100.00  IoU 0.50:0.95, area all, at most 100 boxes\n", 0) == 0);
    CHECK(table.find("ARm@1000       -  IoU 0.50:0.95, area medium, at most 1000 boxes\n") != std::string::npos);
}
