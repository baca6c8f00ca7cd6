#pragma once
// Names of the code bases that train RegNets to classify pictures: pycls, mmpretrain, timm.
#include <regulus/converters/name_table.hpp>

namespace regulus {

/// pycls: RegNetX and RegNetY.
inline NameTable pycls_names() {
    return {"pycls", "classifier", {
        {"stem.conv.weight", "backbone.stem.weight"},
        {"stem.bn.*", "backbone.stem.norm.*"},
        {"s{s}.b{b}.f.a.weight", "backbone.s{s}.b{b}.a.weight"},
        {"s{s}.b{b}.f.a_bn.*", "backbone.s{s}.b{b}.a.norm.*"},
        {"s{s}.b{b}.f.b.weight", "backbone.s{s}.b{b}.b.weight"},
        {"s{s}.b{b}.f.b_bn.*", "backbone.s{s}.b{b}.b.norm.*"},
        {"s{s}.b{b}.f.se.f_ex.0.*", "backbone.s{s}.b{b}.se.reduce.*"},
        {"s{s}.b{b}.f.se.f_ex.2.*", "backbone.s{s}.b{b}.se.expand.*"},
        {"s{s}.b{b}.f.c.weight", "backbone.s{s}.b{b}.c.weight"},
        {"s{s}.b{b}.f.c_bn.*", "backbone.s{s}.b{b}.c.norm.*"},
        {"s{s}.b{b}.proj.weight", "backbone.s{s}.b{b}.proj.weight"},
        {"s{s}.b{b}.bn.*", "backbone.s{s}.b{b}.proj.norm.*"},
        {"head.fc.*", "classifier.*"},
    }};
}

/// mmpretrain (mmcls before): RegNetX, its blocks named as those of ResNets.
inline NameTable mmpretrain_names() {
    return {"mmpretrain", "classifier", {
        {"backbone.conv1.weight", "backbone.stem.weight"},
        {"backbone.bn1.*", "backbone.stem.norm.*"},
        {"backbone.layer{s}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
        {"backbone.layer{s}.{b}.bn1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
        {"backbone.layer{s}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
        {"backbone.layer{s}.{b}.bn2.*", "backbone.s{s}.b{b+1}.b.norm.*"},
        {"backbone.layer{s}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
        {"backbone.layer{s}.{b}.bn3.*", "backbone.s{s}.b{b+1}.c.norm.*"},
        {"backbone.layer{s}.{b}.downsample.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
        {"backbone.layer{s}.{b}.downsample.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
        {"head.fc.*", "classifier.*"},
    }};
}

/// timm: RegNetX and RegNetY.
inline NameTable timm_names() {
    return {"timm", "classifier", {
        {"stem.conv.weight", "backbone.stem.weight"},
        {"stem.bn.*", "backbone.stem.norm.*"},
        {"s{s}.b{b}.conv1.conv.weight", "backbone.s{s}.b{b}.a.weight"},
        {"s{s}.b{b}.conv1.bn.*", "backbone.s{s}.b{b}.a.norm.*"},
        {"s{s}.b{b}.conv2.conv.weight", "backbone.s{s}.b{b}.b.weight"},
        {"s{s}.b{b}.conv2.bn.*", "backbone.s{s}.b{b}.b.norm.*"},
        {"s{s}.b{b}.conv3.conv.weight", "backbone.s{s}.b{b}.c.weight"},
        {"s{s}.b{b}.conv3.bn.*", "backbone.s{s}.b{b}.c.norm.*"},
        {"s{s}.b{b}.se.fc1.*", "backbone.s{s}.b{b}.se.reduce.*"},
        {"s{s}.b{b}.se.fc2.*", "backbone.s{s}.b{b}.se.expand.*"},
        {"s{s}.b{b}.downsample.conv.weight", "backbone.s{s}.b{b}.proj.weight"},
        {"s{s}.b{b}.downsample.bn.*", "backbone.s{s}.b{b}.proj.norm.*"},
        {"head.fc.*", "classifier.*"},
    }};
}

}  // namespace regulus
