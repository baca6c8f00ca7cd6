#pragma once
// Made by mmdet3d_steps.py: losses in the order of StepLosses; by part of mmdetection3d's model the norm of the gradients, their product with the numbers of "signs", and how far the
// running statistics moved.
#include <vector>

struct Mmdet3dPart {
    const char* name;
    double norm, product, moved;
};

struct Mmdet3dStep {
    const char* model;
    const char* pillar_net;
    std::vector<double> losses;
    std::vector<Mmdet3dPart> parts;
};

inline const Mmdet3dStep mmdet3d_steps[] = {
    {"pointpillars_hv_regnet-400mf_fpn_sbn-all_8xb4-2x_nus-3d",
     "HardVFE max",
     {9.14938378, 2.55499083, 0.124357774},
     {{"pts_backbone.layer1", 42.0927291, -13.8909354, 0.0951028884},
      {"pts_backbone.layer2", 36.9378661, 4.7510556, 0.220269222},
      {"pts_backbone.layer3", 34.5212149, -17.7366672, 1.30220057},
      {"pts_backbone.layer4", 12.1584282, 6.33066957, 4.83622495},
      {"pts_bbox_head.conv_cls", 17.0199938, 13.6564883, 0},
      {"pts_bbox_head.conv_dir_cls", 1.1552056, 0.530111011, 0},
      {"pts_bbox_head.conv_reg", 19.8822723, 6.2505877, 0},
      {"pts_neck.fpn_convs", 6.18821001, 5.22560961, 0.439814818},
      {"pts_neck.lateral_convs", 1.75042231, -0.319943812, 2.15044658},
      {"pts_voxel_encoder.vfe_layers", 59.0764086, 74.2210064, 2.01791326}}},
    {"pointpillars_hv_secfpn_sbn-all_8xb2-2x_lyft-3d",
     "HardVFE max",
     {2.11420999, 1.02949265, 0.128952401},
     {{"pts_backbone.blocks", 7.15172812, -7.91033481, 0.334382411},
      {"pts_bbox_head.conv_cls", 2.64019813, 0.0930653941, 0},
      {"pts_bbox_head.conv_dir_cls", 0.475617924, 0.0196483081, 0},
      {"pts_bbox_head.conv_reg", 7.50615403, 4.27803744, 0},
      {"pts_neck.deblocks", 0.654924269, -0.163892836, 0.167368815},
      {"pts_voxel_encoder.vfe_layers", 0.565148985, 0.905793913, 0.114365421}}},
    {"pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d",
     "HardVFE max",
     {2.64682594, 1.97063241, 0.139981905},
     {{"pts_backbone.blocks", 9.23929486, -2.19138495, 0.340537552},
      {"pts_bbox_head.conv_cls", 3.88371618, -0.491400281, 0},
      {"pts_bbox_head.conv_dir_cls", 0.760066716, 0.112116463, 0},
      {"pts_bbox_head.conv_reg", 9.75698354, 8.29981584, 0},
      {"pts_neck.deblocks", 0.857259123, -0.45823603, 0.167574821},
      {"pts_voxel_encoder.vfe_layers", 2.61635666, 1.11165204, 2.01791326}}},
    {"pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d",
     "PillarFeatureNet max",
     {2.65635238, 2.1183539, 0.134352964},
     {{"pts_backbone.blocks", 10.7928191, -5.19141969, 0.340442063},
      {"pts_bbox_head.conv_cls", 3.99618537, -0.915176133, 0},
      {"pts_bbox_head.conv_dir_cls", 0.723883518, 0.0233642857, 0},
      {"pts_bbox_head.conv_reg", 12.4823332, 5.0808373, 0},
      {"pts_neck.deblocks", 0.959721129, -0.526033526, 0.167753791},
      {"pts_voxel_encoder.vfe_layers", 2.58347265, 0.344353435, 0.46215526}}},
    {"pointpillars_hv_secfpn_sbn-all_8xb4-2x_nus-3d",
     "PillarFeatureNet avg",
     {2.66889328, 2.63958423, 0.131728578},
     {{"pts_backbone.blocks", 13.3299628, 13.6083926, 9.03085306},
      {"pts_bbox_head.conv_cls", 4.37613385, -2.78919488, 0},
      {"pts_bbox_head.conv_dir_cls", 1.2160507, 0.11293638, 0},
      {"pts_bbox_head.conv_reg", 21.5221072, 9.27496137, 0},
      {"pts_neck.deblocks", 1.60947882, -0.278167014, 0.166219841},
      {"pts_voxel_encoder.vfe_layers", 3.54724078, 0.804503856, 0.629093036}}},
    {"pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class",
     "PillarFeatureNet max",
     {1.81916835, 3.46498017, 0.159855982},
     {{"backbone.blocks", 39.0403579, 14.6182096, 0.322241667},
      {"bbox_head.conv_cls", 5.65549484, -3.54753767, 0},
      {"bbox_head.conv_dir_cls", 2.51282577, 1.18933764, 0},
      {"bbox_head.conv_reg", 58.7536612, 42.2478962, 0},
      {"neck.deblocks", 4.87766944, 1.38713786, 0.164365621},
      {"voxel_encoder.vfe_layers", 2.83693586, -0.0218940886, 0.0863482323}}},
};
