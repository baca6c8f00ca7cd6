// detectron2's files of proposals, written opcode by opcode as Python would.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include <regulus/pipeline/proposal_file.hpp>

#include "weights/pickle_assembler.hpp"

using namespace regulus;
using namespace regulus::testing;
using doctest::Contains;

namespace {

std::string list(const std::vector<std::string>& items) {
    std::string out = "](";
    for (const std::string& item : items) out += item;
    return out + "e";
}

std::string doubles(const std::vector<double>& values) {
    std::string out;
    for (const double value : values) out += little<std::uint64_t>(std::bit_cast<std::uint64_t>(value));
    return out;
}

std::string reversed(std::string bytes, std::size_t size) {
    for (std::size_t at = 0; at < bytes.size(); at += size) std::reverse(bytes.begin() + std::ptrdiff_t(at), bytes.begin() + std::ptrdiff_t(at + size));
    return bytes;
}

std::string two_boxes() { return ndarray("f4", "<", {2, 4}, floats({1, 2, 3, 4, 5, 6, 7, 9})); }
std::string two_scores(float first, float second) { return ndarray("f4", "<", {2}, floats({first, second})); }
std::string one_box() { return ndarray("f8", "<", {1, 4}, doubles({0.5, 0.25, 10, 20})); }
std::string one_score() { return ndarray("f8", "<", {1}, doubles({3})); }

}  // namespace

TEST_CASE("read_proposals: boxes by picture, the best first; numbers of either size, order and byte order; old names; text as id") {
    const TemporaryFile file(program(dict({{"ids", list({integer(42), text("139")})}, {"boxes", list({two_boxes(), one_box()})}, {"objectness_logits", list({two_scores(-1, 2), one_score()})}})), ".pkl");
    const auto found = read_proposals(file.path());
    REQUIRE(found.size() == 2);
    CHECK(found.at(42) == ProposalList{{5, 6, 7, 9}, {1, 2, 3, 4}});
    CHECK(found.at(139) == ProposalList{{0.5f, 0.25f, 10, 20}});

    const std::string columns = ndarray("f4", "<", {2, 4}, floats({1, 5, 2, 6, 3, 7, 4, 9}), true), big = ndarray("f4", ">", {2}, reversed(floats({7, 7}), 4));
    const TemporaryFile old(program(dict({{"indexes", list({integer(-3)})}, {"boxes", list({columns})}, {"scores", list({big})}, {"bbox_mode", integer(1)}})), ".pkl");
    CHECK(read_proposals(old.path()).at(-3) == ProposalList{{1, 2, 4, 6}, {5, 6, 12, 15}});  // equal scores: the file's order; widths and heights

    const TemporaryFile none(program(dict({{"ids", list({})}, {"boxes", list({})}, {"objectness_logits", list({})}})), ".pkl");
    CHECK(read_proposals(none.path()).empty());
    const TemporaryFile empty(program(dict({{"ids", list({integer(1)})}, {"boxes", list({ndarray("f4", "<", {0, 4}, "")})}, {"objectness_logits", list({ndarray("f4", "<", {0}, "")})}})), ".pkl");
    CHECK(read_proposals(empty.path()).at(1).empty());
}

TEST_CASE("read_proposals: what is wrong with a file is said") {
    const auto refused = [](const std::string& ids, const std::string& boxes, const std::string& scores, const std::string& why) {
        const TemporaryFile file(program(dict({{"ids", ids}, {"boxes", boxes}, {"objectness_logits", scores}})), ".pkl");
        CHECK_THROWS_WITH_AS(read_proposals(file.path()), Contains(why.c_str()), FileError);
    };
    const std::string id = list({integer(1)}), boxes = list({two_boxes()}), scores = list({two_scores(1, 2)});
    refused(id, list({}), scores, "must be lists of equal length");
    refused(list({text("1a")}), boxes, scores, "an id is no whole number");
    refused(list({"N"}), boxes, scores, "an id is no whole number");
    refused(integer(1), boxes, scores, "must be a pickled dict with a list \"ids\"");
    refused(id, list({integer(5)}), scores, "the boxes of picture 1 must be an array of float32 or float64, [boxes, 4]");
    refused(id, list({ndarray("f4", "<", {4, 2}, floats({1, 2, 3, 4, 5, 6, 7, 9}))}), scores, "[boxes, 4]");
    refused(id, list({ndarray("i4", "<", {2, 4}, floats({1, 2, 3, 4, 5, 6, 7, 9}))}), scores, "float32 or float64");
    refused(id, boxes, list({one_score()}), "picture 1 has 2 boxes and 1 scores");
    refused(id, boxes, list({two_boxes()}), "the scores of picture 1 must be an array");
    refused(list({integer(1), integer(1)}), list({two_boxes(), two_boxes()}), list({two_scores(1, 2), two_scores(1, 2)}), "two lists are of picture 1");
    const TemporaryFile mode(program(dict({{"ids", id}, {"boxes", boxes}, {"objectness_logits", scores}, {"bbox_mode", integer(7)}})), ".pkl");
    CHECK_THROWS_WITH_AS(read_proposals(mode.path()), Contains("\"bbox_mode\" must be 0"), FileError);
    CHECK_THROWS_AS(read_proposals("missing.pkl"), FileError);
    const TemporaryFile noise("no pickle"), evil(program(call("os", "system", {text("true")})));
    CHECK_THROWS_AS(read_proposals(noise.path()), FileError);
    CHECK_THROWS_AS(read_proposals(evil.path()), FileError);
}

TEST_CASE("read_proposals: a large file may hold more values than a checkpoint") {
    const int pictures = 24'000, boxes_each = 10;
    const std::string corners = ndarray("f4", "<", {boxes_each, 4}, std::string(16 * boxes_each, '\0')), scores = ndarray("f4", "<", {boxes_each}, std::string(4 * boxes_each, '\0'));
    std::string ids = "]", boxes = "]", of = "]";
    std::size_t opcodes = 0;
    for (int i = 0; i < pictures; ++i) {
        ids += integer(i) + "a";
        boxes += corners + "a";
        of += scores + "a";
        opcodes += 2 * 19 + 4;  // two arrays and what appends them, at least
    }
    REQUIRE(opcodes > 1'000'000);
    const TemporaryFile file(program(dict({{"ids", ids}, {"boxes", boxes}, {"objectness_logits", of}})), ".pkl");
    const auto found = read_proposals(file.path());
    REQUIRE(found.size() == std::size_t(pictures));
    CHECK(found.at(pictures - 1).size() == std::size_t(boxes_each));

    std::string small = "](";
    for (int i = 0; i < 1'000'001; ++i) small += "N0";
    const TemporaryFile refused(program(dict({{"ids", small + "e"}})), ".pkl");
    CHECK_THROWS_WITH_AS(read_proposals(refused.path()), Contains("the pickle has more than 1000000 opcodes"), FileError);
}

TEST_CASE("read_proposals: a small file whose boxes stand for many pictures does not become a large one") {
    std::vector<float> many(4 * 1000);
    std::string raw;
    for (const float value : many) raw += floats({value});
    std::string scores;
    for (int i = 0; i < 1000; ++i) scores += floats({0});
    std::string ids = "](", boxes = "](" + ndarray("f4", "<", {1000, 4}, raw) + "q\1", of = "](" + ndarray("f4", "<", {1000}, scores) + "q\2";
    for (int i = 0; i < 2000; ++i) {
        ids += integer(i);
        if (i > 0) boxes += "h\1", of += "h\2";
    }
    const TemporaryFile file(program(dict({{"ids", ids + "e"}, {"boxes", boxes + "e"}, {"objectness_logits", of + "e"}})), ".pkl");
    CHECK_THROWS_WITH_AS(read_proposals(file.path()), Contains("the same boxes stand for many pictures"), FileError);
}
