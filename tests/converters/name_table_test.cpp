#include <doctest/doctest.h>

#include <set>

#include <regulus/converters/name_table.hpp>

using namespace regulus;

TEST_CASE("rewrite: numbers move by the summands of both patterns, the rest is carried over") {
    CHECK(rewrite_name("layer2.0.bn1.bias", "layer{s}.{b}.bn1.*", "s{s}.b{b+1}.norm.*") == "s2.b1.norm.bias");
    CHECK(rewrite_name("s2.b1.norm.bias", "s{s}.b{b+1}.norm.*", "layer{s}.{b}.bn1.*") == "layer2.0.bn1.bias");
    CHECK(rewrite_name("a.12.x.y.z", "a.{i}.*", "b{i+30}/*") == "b42/x.y.z");
}

TEST_CASE("rewrite: what does not match in full is left alone") {
    CHECK_FALSE(rewrite_name("layer2.0.bn1", "layer{s}.{b}.bn1.*", "s{s}.*"));        // nothing for the star
    CHECK_FALSE(rewrite_name("layer2.0.bn1.", "layer{s}.{b}.bn1.*", "s{s}.*"));
    CHECK_FALSE(rewrite_name("layerx.0.bn1.bias", "layer{s}.{b}.bn1.*", "s{s}.*"));   // no number
    CHECK_FALSE(rewrite_name("a.b", "a.", "x"));
    CHECK_FALSE(rewrite_name("a", "a.b", "x"));
    CHECK_FALSE(rewrite_name("", "a", "x"));
    CHECK_FALSE(rewrite_name("s1.b0.a", "s{s}.b{b+1}.a", "layer{s}.{b}"));            // the number would be -1
    CHECK_FALSE(rewrite_name("s1.b01.a", "s{s}.b{b+1}.a", "layer{s}.{b}"));           // another spelling of 1: it would not come back
    CHECK_FALSE(rewrite_name("s1234567890.b1.a", "s{s}.b{b+1}.a", "layer{s}.{b}"));   // more than nine digits
}

TEST_CASE("rewrite: a number that a pattern has twice must be the same twice") {
    CHECK(rewrite_name("block3.block3-6.x", "block{s}.block{s}-{b}.*", "s{s}.b{b+1}.*") == "s3.b7.x");
    CHECK(rewrite_name("s3.b7.x", "s{s}.b{b+1}.*", "block{s}.block{s}-{b}.*") == "block3.block3-6.x");
    CHECK_FALSE(rewrite_name("block3.block2-6.x", "block{s}.block{s}-{b}.*", "s{s}.b{b+1}.*"));
}

TEST_CASE("tables: every pattern is well formed and names the same numbers on both sides") {
    for (const NameTable& table : name_tables()) {
        CAPTURE(table.code_base);
        CAPTURE(table.kind);
        for (const NameRule& rule : table.rules) {
            CAPTURE(rule.foreign);
            std::set<char> letters[2];
            bool star[2] = {};
            for (int side = 0; side < 2; ++side) {
                const std::string_view pattern = side == 0 ? rule.foreign : rule.ours;
                for (std::size_t i = 0; i < pattern.size(); ++i) {
                    if (pattern[i] == '*') {
                        CHECK(i + 1 == pattern.size());
                        star[side] = true;
                    }
                    if (pattern[i] != '{') continue;
                    const std::size_t end = pattern.find('}', i);
                    REQUIRE(end != std::string_view::npos);
                    const std::string_view inside = pattern.substr(i + 1, end - i - 1);
                    REQUIRE(!inside.empty());
                    CHECK((inside[0] >= 'a' && inside[0] <= 'z'));
                    letters[side].insert(inside[0]);
                    if (inside.size() > 1) {
                        REQUIRE(inside.size() >= 3);
                        CHECK(inside[1] == '+');
                        CHECK(inside.substr(2).find_first_not_of("0123456789") == std::string_view::npos);
                    }
                }
            }
            if (rule.ours.empty()) continue;  // what no network needs
            CHECK(letters[0] == letters[1]);
            CHECK(star[0] == star[1]);
        }
    }
}

TEST_CASE("mmdetection: names of 1.x, 2.x and 3.x meet in one of ours, and go back to today's") {
    const NameTable& rcnn = name_tables()[0];
    REQUIRE(rcnn.kind == "R-CNN");
    CHECK(rcnn.to_ours("bbox_head.fc_cls.weight") == "box_head.logits.weight");            // 1.x
    CHECK(rcnn.to_ours("roi_head.bbox_head.fc_cls.weight") == "box_head.logits.weight");   // 2.x, 3.x
    CHECK(rcnn.to_foreign("box_head.logits.weight") == "roi_head.bbox_head.fc_cls.weight");
    CHECK(rcnn.to_ours("backbone.layer3.4.conv2_offset.bias") == rcnn.to_ours("backbone.layer3.4.conv2.conv_offset.bias"));
    CHECK_FALSE(rcnn.to_ours("backbone.layer3.4.conv4.weight"));
    CHECK_FALSE(rcnn.to_foreign("head.logits.weight"));
}
