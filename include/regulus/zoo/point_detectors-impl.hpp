#pragma once
#include <utility>

#include <regulus/models/point_pillars.hpp>
#include <regulus/zoo/point_detectors.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::point_pillars {

inline constexpr PillarGrid nuscenes_grid{{-50, -50, -5, 50, 50, 3}, {0.25f, 0.25f, 8}, 64, 40000};
inline constexpr PillarGrid lyft_grid{{-80, -80, -5, 80, 80, 3}, {0.25f, 0.25f, 8}, 20, 60000};
inline constexpr PillarGrid lyft100_grid{{-100, -100, -5, 100, 100, 3}, {0.25f, 0.25f, 8}, 20, 60000};
inline constexpr PillarGrid kitti_grid{{0, -39.68f, -3, 69.12f, 39.68f, 1}, {0.16f, 0.16f, 4}, 32, 40000};

/// The four shapes of the pyramid models, which every level doubles.
constexpr AnchorSet3d four_shapes(float reach) {
    return anchors3d({-reach, -reach, -1.8f, reach, reach, -1.8f}, {{2.5981f, 0.8660f, 1.f}, {1.7321f, 0.5774f, 1.f}, {1.f, 1.f, 1.f}, {0.4f, 0.4f, 1.f}});
}

constexpr AnchorShape3d flat_shape(float reach, float z, const std::array<float, 3>& size) { return {{-reach, -reach, z, reach, reach, z}, size}; }

inline constexpr AnchorSet3d nuscenes_shapes{{{flat_shape(49.6f, -1.80032795f, {4.60718145f, 1.95017717f, 1.72270761f}),      // car
                                               flat_shape(49.6f, -1.74440365f, {6.73778078f, 2.4560939f, 2.73004906f}),       // truck
                                               flat_shape(49.6f, -1.68526504f, {12.01320693f, 2.87427237f, 3.81509561f}),     // trailer
                                               flat_shape(49.6f, -1.67339111f, {1.68452161f, 0.60058911f, 1.27192197f}),      // bicycle
                                               flat_shape(49.6f, -1.61785072f, {0.7256437f, 0.66344886f, 1.75748069f}),       // pedestrian
                                               flat_shape(49.6f, -1.80984986f, {0.40359262f, 0.39694519f, 1.06232151f}),      // traffic cone
                                               flat_shape(49.6f, -1.763965f, {0.48578221f, 2.49008838f, 0.98297065f})}},      // barrier
                                             7,
                                             {1, 1, 1}};

constexpr AnchorSet3d lyft_shapes(float reach) {
    return {{{flat_shape(reach, -1.0715024f, {4.75f, 1.92f, 1.71f}),    // car
              flat_shape(reach, -0.3033737f, {10.24f, 2.84f, 3.44f}),   // truck
              flat_shape(reach, -0.3519405f, {12.70f, 2.92f, 3.42f}),   // bus
              flat_shape(reach, -0.8871424f, {6.52f, 2.42f, 2.34f}),    // emergency vehicle
              flat_shape(reach, -0.6276341f, {8.17f, 2.75f, 3.20f}),    // other vehicle
              flat_shape(reach, -1.3220503f, {2.35f, 0.96f, 1.59f}),    // motorcycle
              flat_shape(reach, -1.0709302f, {1.76f, 0.63f, 1.44f}),    // bicycle
              flat_shape(reach, -0.9122268f, {0.80f, 0.76f, 1.76f}),    // pedestrian
              flat_shape(reach, -1.8012227f, {0.73f, 0.35f, 0.50f})}},  // animal
            9,
            {1, 1, 1}};
}

constexpr AnchorShape3d kitti_shape(float z, const std::array<float, 3>& size) { return {{0, -39.68f, z, 69.12f, 39.68f, z}, size}; }
inline constexpr AnchorSet3d kitti_shapes{{{kitti_shape(-0.6f, {0.8f, 0.6f, 1.73f}), kitti_shape(-0.6f, {1.76f, 0.6f, 1.73f}), kitti_shape(-1.78f, {3.9f, 1.6f, 1.56f})}}, 3, {1, 1, 1}};

inline constexpr AnchorSet3d nuscenes_four = four_shapes(50), lyft_four = four_shapes(80), lyft100_four = four_shapes(100);
inline constexpr AnchorSet3d lyft_nine = lyft_shapes(80), lyft100_nine = lyft_shapes(100);

using NuscenesNet = PillarNet<nuscenes_grid, PillarCentre::beside, 64, 64>;
using LyftNet = PillarNet<lyft_grid, PillarCentre::beside, 64>;
using Lyft100Net = PillarNet<lyft100_grid, PillarCentre::beside, 64>;
using KittiNet = PillarNet<kitti_grid, PillarCentre::instead, 64>;

using Regnet400 = NoStemRegNet<regnetx_400mf, 64>;
using Regnet1600 = NoStemRegNet<regnetx_1_6gf, 64>;

template <class Backbone>
using Pyramid = Fpn<typename Backbone::Widths, 256, FpnExtra::none, 0, FpnConv::norm_relu>;
template <class Backbone>
using Raised = SecondFpn<typename Backbone::Widths>;

template <class Backbone>
using NuscenesFpn = PointPillars<nuscenes_grid, NuscenesNet, Backbone, Pyramid<Backbone>, nuscenes_four, 10, 9>;
template <class Backbone>
using NuscenesSecfpn = PointPillars<nuscenes_grid, NuscenesNet, Backbone, Raised<Backbone>, nuscenes_shapes, 10, 9>;
template <class Backbone>
using LyftFpn = PointPillars<lyft_grid, LyftNet, Backbone, Pyramid<Backbone>, lyft_four, 9>;
template <class Backbone>
using LyftSecfpn = PointPillars<lyft_grid, LyftNet, Backbone, Raised<Backbone>, lyft_nine, 9>;
template <class Backbone>
using Lyft100Fpn = PointPillars<lyft100_grid, Lyft100Net, Backbone, Pyramid<Backbone>, lyft100_four, 9>;
template <class Backbone>
using Lyft100Secfpn = PointPillars<lyft100_grid, Lyft100Net, Backbone, Raised<Backbone>, lyft100_nine, 9>;

struct Kitti : PointPillars<kitti_grid, KittiNet, Second<64>, Raised<Second<64>>, kitti_shapes, 3, 7, 50> {
    static constexpr PointPillarsSettings settings{
        .anchors = kitti_shapes, .candidates = 100, .score_threshold = 0.1f, .iou_threshold = 0.01f, .direction_offset = -1.5707963267948966f};
};

/// The same network for weights trained before version 1.0: after their head is rewritten, directions are still cut where they were.
template <class Model>
struct BeforeVersion1 : Model {
    static constexpr PointPillarsSettings settings = [] {
        PointPillarsSettings changed = Model::settings;
        changed.direction_offset = -changed.direction_offset;
        return changed;
    }();
};

enum class Data : std::uint8_t { nuscenes, lyft, lyft100, kitti };

struct Row {
    const char* config;      // published name of version 0.x; "regnet-400mf_fpn" and the like are spelled out in full
    const char* config1;     // version 1.x's
    const char* architecture;
    Data data;
    Graph (*record)();
    Graph (*record0)();      // for weights before 1.0; null: none were published
    double map, nds;         // of the weights of version 1.x; 0: not known
    const char* published;   // date and hash of those weights; "": not known
    double map0, nds0;       // of the weights before 1.0
    const char* published0;
};

template <class Model>
Graph recording() {
    return recorded<Model>();
}

inline PointDetectorFacts facts_of(Data data) {
    PointDetectorFacts facts;
    const PillarGrid& grid = data == Data::nuscenes ? nuscenes_grid : data == Data::lyft ? lyft_grid : data == Data::lyft100 ? lyft100_grid : kitti_grid;
    facts.range = grid.range;
    facts.point_columns = data == Data::kitti ? "x y z reflectance" : "x y z seconds";
    facts.sweeps = data == Data::kitti ? 0 : 10;
    switch (data) {
        case Data::nuscenes:
            facts.class_names = {"car", "truck", "trailer", "bus", "construction_vehicle", "bicycle", "motorcycle", "pedestrian", "traffic_cone", "barrier"};
            break;
        case Data::lyft:
        case Data::lyft100:
            facts.class_names = {"car", "truck", "bus", "emergency_vehicle", "other_vehicle", "motorcycle", "bicycle", "pedestrian", "animal"};
            break;
        case Data::kitti: facts.class_names = {"Pedestrian", "Cyclist", "Car"}; break;
    }
    return facts;
}

inline PointDetectorSpec entry(const Row& row, bool before_version1) {
    PointDetectorSpec model;
    const std::string config = row.config;
    model.name = (before_version1 ? "mmdetection3d-0.x/" : "mmdetection3d/") + config;
    model.code_base = row.data == Data::kitti ? "mmdetection3d-voxelnet" : "mmdetection3d";
    model.architecture = row.architecture;
    model.record = before_version1 ? row.record0 : row.record;
    model.facts = facts_of(row.data);
    if (before_version1) model.facts.boxes = BoxConvention::width_first;
    else if (*row.config1 != '\0') model.aliases.push_back(row.config1);
    if (const std::size_t at = config.find("_2x8_2x_lyft"); at != std::string::npos && config.find("regnet") != std::string::npos) {
        model.aliases.push_back(config.substr(0, at) + "_4x8" + config.substr(at + 4));  // as the published tables call them
    }
    model.licence = "Apache-2.0";
    const char* published = before_version1 ? row.published0 : row.published;
    if (*published != '\0') model.checkpoint = config + "_" + published + ".pth";
    model.map = before_version1 ? row.map0 : row.map;
    model.nds = before_version1 ? row.nds0 : row.nds;
    model.data = row.data == Data::nuscenes ? "nuScenes" : row.data == Data::kitti ? "KITTI" : "Lyft";
    return model;
}

}  // namespace detail::point_pillars

REGULUS_INLINE const std::vector<PointDetectorSpec>& point_detectors() {
    using namespace detail::point_pillars;
    static const std::vector<PointDetectorSpec> models = [] {
        using N1 = NuscenesSecfpn<Second<64>>;
        using N2 = NuscenesSecfpn<Regnet400>;
        using N3 = NuscenesFpn<Second<64>>;
        using N4 = NuscenesFpn<Regnet400>;
        using N5 = NuscenesFpn<Regnet1600>;
        using L1 = LyftSecfpn<Second<64>>;
        using L2 = LyftSecfpn<Regnet400>;
        using L3 = Lyft100Secfpn<Regnet400>;
        using L4 = LyftFpn<Second<64>>;
        using L5 = LyftFpn<Regnet400>;
        using L6 = Lyft100Fpn<Regnet400>;
        const Row rows[] = {
            {"hv_pointpillars_secfpn_sbn-all_4x8_2x_nus-3d", "pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d", "PointPillars, SECOND, SECFPN", Data::nuscenes, recording<N1>,
             recording<BeforeVersion1<N1>>, 34.33, 49.1, "", 35.17, 49.7, "20200620_230725-0817d270"},
            {"hv_pointpillars_regnet-400mf_secfpn_sbn-all_4x8_2x_nus-3d", "pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb4-2x_nus-3d", "PointPillars, RegNetX-400MF, SECFPN",
             Data::nuscenes, recording<N2>, recording<BeforeVersion1<N2>>, 41.40, 54.60, "20210827_013628-08b5cf1e", 41.2, 55.2, ""},
            {"hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d", "pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d", "PointPillars, SECOND, FPN", Data::nuscenes, recording<N3>,
             recording<BeforeVersion1<N3>>, 39.7, 53.2, "", 40.0, 53.3, "20200620_230405-2fa62f3d"},
            {"hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d", "pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d", "PointPillars, RegNetX-400MF, FPN",
             Data::nuscenes, recording<N4>, recording<BeforeVersion1<N4>>, 45.12, 57.01, "20210827_095804-4239f111", 44.8, 56.4, ""},
            {"hv_pointpillars_regnet-1.6gf_fpn_sbn-all_4x8_2x_nus-3d", "pointpillars_hv_regnet-1.6gf_fpn_sbn-all_8xb4-2x_nus-3d", "PointPillars, RegNetX-1.6GF, FPN",
             Data::nuscenes, recording<N5>, recording<BeforeVersion1<N5>>, 48.77, 59.47, "20210827_013647-4ed9ea6b", 48.2, 59.3, ""},
            {"hv_pointpillars_secfpn_sbn-all_2x8_2x_lyft-3d", "pointpillars_hv_secfpn_sbn-all_8xb2-2x_lyft-3d", "PointPillars, SECOND, SECFPN", Data::lyft, recording<L1>,
             recording<BeforeVersion1<L1>>, 13.8, 0, "", 13.9, 0, "20210517_204807-2518e3de"},
            {"hv_pointpillars_regnet-400mf_secfpn_sbn-all_2x8_2x_lyft-3d", "pointpillars_hv_regnet-400mf_secfpn_sbn-all_8xb2-2x_lyft-3d", "PointPillars, RegNetX-400MF, SECFPN",
             Data::lyft, recording<L2>, recording<BeforeVersion1<L2>>, 14.8, 0, "20210828_124252-2624a744", 14.9, 0, ""},
            {"hv_pointpillars_regnet-400mf_secfpn_sbn-all_range100_2x8_2x_lyft-3d", "pointpillars_hv_regnet-400mf_secfpn_sbn-all_range100_8xb2-2x_lyft-3d",
             "PointPillars, RegNetX-400MF, SECFPN, 100 m", Data::lyft100, recording<L3>, nullptr, 15.9, 0, "20210828_222452-4db050dc", 0, 0, ""},
            {"hv_pointpillars_fpn_sbn-all_2x8_2x_lyft-3d", "pointpillars_hv_fpn_sbn-all_8xb2-2x_lyft-3d", "PointPillars, SECOND, FPN", Data::lyft, recording<L4>,
             recording<BeforeVersion1<L4>>, 14.8, 0, "", 14.9, 0, "20210517_202818-fc6904c3"},
            {"hv_pointpillars_regnet-400mf_fpn_sbn-all_2x8_2x_lyft-3d", "pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb2-2x_lyft-3d", "PointPillars, RegNetX-400MF, FPN", Data::lyft,
             recording<L5>, recording<BeforeVersion1<L5>>, 16.2, 0, "20210828_234451-79c31b63", 16.0, 0, ""},
            {"hv_pointpillars_regnet-400mf_fpn_sbn-all_range100_2x8_2x_lyft-3d", "pointpillars_hv_regnet-400mf_fpn_sbn-all_range100_8xb2-2x_lyft-3d",
             "PointPillars, RegNetX-400MF, FPN, 100 m", Data::lyft100, recording<L6>, nullptr, 17.3, 0, "20210828_115849-093f7ea6", 0, 0, ""},
            {"hv_pointpillars_secfpn_6x8_160e_kitti-3d-3class", "pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class", "PointPillars, SECOND, SECFPN", Data::kitti, recording<Kitti>, nullptr, 0,
             0, "", 0, 0, ""},
        };
        std::vector<PointDetectorSpec> all;
        for (const Row& row : rows) all.push_back(entry(row, false));
        for (const Row& row : rows) {
            if (row.record0 != nullptr) all.push_back(entry(row, true));
        }
        return all;
    }();
    return models;
}

REGULUS_INLINE const PointDetectorSpec& find_point_detector(const std::vector<PointDetectorSpec>& models, std::string_view name) {
    std::vector<ModelSpec> names(models.size());
    for (std::size_t i = 0; i < models.size(); ++i) {
        names[i].name = models[i].name;
        names[i].aliases = models[i].aliases;
    }
    return models[std::size_t(&find_model(names, name) - names.data())];
}

}  // namespace regulus
