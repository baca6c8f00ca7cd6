#pragma once
// An own detector of point clouds, as a user of Regulus writes it: cars, pedestrians and cyclists around a laser scanner. crossroads.cpp teaches it.
#include <regulus/models/point_pillars.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

// Pillars of 32 cm, 38 m in each direction; the scanner is the origin, 1.8 m above the road.
inline constexpr regulus::PillarGrid crossroads_grid{{-38.4f, -38.4f, -3, 38.4f, 38.4f, 1}, {0.32f, 0.32f, 4}, 32, 16000};

// Widths 32, 64, 128, 256 and depths 1, 2, 4, 2 follow from these numbers.
inline constexpr regulus::RegNetStages crossroads_net = regulus::regnet({.w0 = 32, .wa = 24, .wm = 2, .depth = 9, .group_width = 16});

inline constexpr regulus::AnchorSet3d crossroads_shapes = regulus::anchors3d({-38.4f, -38.4f, -1.8f, 38.4f, 38.4f, -1.8f}, {{4.4f, 1.85f, 1.55f}, {0.7f, 0.65f, 1.72f}, {1.75f, 0.6f, 1.72f}});

using CrossroadsPillars = regulus::PillarNet<crossroads_grid, regulus::PillarCentre::instead, 64>;
using CrossroadsBackbone = regulus::NoStemRegNet<crossroads_net, 64>;
using CrossroadsNeck = regulus::SecondFpn<CrossroadsBackbone::Widths, 64>;

struct Crossroads : regulus::PointPillars<crossroads_grid, CrossroadsPillars, CrossroadsBackbone, CrossroadsNeck, crossroads_shapes, 3, 7, 100> {
    static constexpr regulus::PointPillarsSettings settings{.anchors = crossroads_shapes, .candidates = 300, .score_threshold = 0.1f, .iou_threshold = 0.1f};
    static regulus::PointDetectorFacts facts() {
        regulus::PointDetectorFacts facts;
        facts.class_names = {"car", "pedestrian", "cyclist"};
        facts.range = crossroads_grid.range;
        facts.point_columns = "x y z reflectance";
        return facts;
    }
};
