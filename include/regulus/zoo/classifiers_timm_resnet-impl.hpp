#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// timm's ResNet-50, 101, 152 and ResNeXt of the plain form (its variants with other stems or blocks are other nets): trainings of its own, gluon's,
/// torchvision's (.tv_in1k, .tv2_in1k), Facebook's semi-supervised ones (.fb_*).
REGULUS_INLINE std::vector<ClassifierSpec> timm_resnet_classifiers() {
    constexpr auto cubic = ClassifyResize::pillow_bicubic;
    constexpr auto linear = ClassifyResize::pillow_bilinear;
    constexpr const char *bsd = "BSD-3-Clause", *apache = "Apache-2.0", *by_nc = "CC-BY-NC-4.0";
    const std::vector<detail::TimmRow> rows = {
        {"resnet50.a1_in1k", "ResNet-50", 235, 224, cubic, apache, true, "resnet50_a1_0-14fe96d1.pth"},
        {"resnet50.a1h_in1k", "ResNet-50", 195, 176, cubic, apache, false, "resnet50_a1h2_176-001a1197.pth"},
        {"resnet50.a2_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_a2_0-a2746f79.pth"},
        {"resnet50.a3_in1k", "ResNet-50", 168, 160, cubic, apache, false, "resnet50_a3_0-59cae1ef.pth"},
        {"resnet50.am_in1k", "ResNet-50", 256, 224, cubic, apache, false, "resnet50_am-6c502b37.pth"},
        {"resnet50.b1k_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_b1k-532a802a.pth"},
        {"resnet50.b2k_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_b2k-1ba180c1.pth"},
        {"resnet50.bt_in1k", "ResNet-50", 256, 224, cubic, apache, false, "rw_resnet50-86acaeed.pth"},
        {"resnet50.c1_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_c1-5ba5e060.pth"},
        {"resnet50.c2_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_c2-d01e05b2.pth"},
        {"resnet50.d_in1k", "ResNet-50", 235, 224, cubic, apache, false, "resnet50_d-f39db8af.pth"},
        {"resnet50.fb_ssl_yfcc100m_ft_in1k", "ResNet-50", 256, 224, linear, by_nc, false, "semi_supervised_resnet50-08389792.pth"},
        {"resnet50.fb_swsl_ig1b_ft_in1k", "ResNet-50", 256, 224, linear, by_nc, false, "semi_weakly_supervised_resnet50-16a12f1b.pth"},
        {"resnet50.gluon_in1k", "ResNet-50", 256, 224, cubic, apache, false, "gluon_resnet50_v1b-0ebe02e2.pth"},
        {"resnet50.ra_in1k", "ResNet-50", 256, 224, cubic, apache, false, "resnet50_ra-85ebb6e5.pth"},
        {"resnet50.ram_in1k", "ResNet-50", 256, 224, cubic, apache, false, "resnet50_ram-a26f946b.pth"},
        {"resnet50.tv2_in1k", "ResNet-50", 201, 176, linear, bsd, false},
        {"resnet50.tv_in1k", "ResNet-50", 256, 224, linear, bsd, false},
        {"resnet101.a1_in1k", "ResNet-101", 235, 224, cubic, apache, false, "resnet101_a1_0-cdcb52a9.pth"},
        {"resnet101.a1h_in1k", "ResNet-101", 235, 224, cubic, apache, true, "resnet101_a1h-36d3f2aa.pth"},
        {"resnet101.a2_in1k", "ResNet-101", 235, 224, cubic, apache, false, "resnet101_a2_0-6edb36c7.pth"},
        {"resnet101.a3_in1k", "ResNet-101", 168, 160, cubic, apache, false, "resnet101_a3_0-1db14157.pth"},
        {"resnet101.gluon_in1k", "ResNet-101", 256, 224, cubic, apache, false, "gluon_resnet101_v1b-3b017079.pth"},
        {"resnet101.tv2_in1k", "ResNet-101", 201, 176, linear, bsd, false},
        {"resnet101.tv_in1k", "ResNet-101", 256, 224, linear, bsd, false},
        {"resnet152.a1_in1k", "ResNet-152", 235, 224, cubic, apache, false, "resnet152_a1_0-2eee8a7a.pth"},
        {"resnet152.a1h_in1k", "ResNet-152", 235, 224, cubic, apache, true, "resnet152_a1h-dc400468.pth"},
        {"resnet152.a2_in1k", "ResNet-152", 235, 224, cubic, apache, false, "resnet152_a2_0-b4c6978f.pth"},
        {"resnet152.a3_in1k", "ResNet-152", 168, 160, cubic, apache, false, "resnet152_a3_0-134d4688.pth"},
        {"resnet152.gluon_in1k", "ResNet-152", 256, 224, cubic, apache, false, "gluon_resnet152_v1b-c1edb0dd.pth"},
        {"resnet152.tv2_in1k", "ResNet-152", 201, 176, linear, bsd, false},
        {"resnet152.tv_in1k", "ResNet-152", 256, 224, linear, bsd, false},
        {"resnext50_32x4d.a1_in1k", "ResNeXt-50 32x4d", 235, 224, cubic, apache, false, "resnext50_32x4d_a1_0-b5a91a1d.pth"},
        {"resnext50_32x4d.a1h_in1k", "ResNeXt-50 32x4d", 235, 224, cubic, apache, true, "resnext50_32x4d_a1h-0146ab0a.pth"},
        {"resnext50_32x4d.a2_in1k", "ResNeXt-50 32x4d", 235, 224, cubic, apache, false, "resnext50_32x4d_a2_0-efc76add.pth"},
        {"resnext50_32x4d.a3_in1k", "ResNeXt-50 32x4d", 168, 160, cubic, apache, false, "resnext50_32x4d_a3_0-3e450271.pth"},
        {"resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k", "ResNeXt-50 32x4d", 256, 224, linear, by_nc, false, "semi_supervised_resnext50_32x4-ddb3e555.pth"},
        {"resnext50_32x4d.fb_swsl_ig1b_ft_in1k", "ResNeXt-50 32x4d", 256, 224, linear, by_nc, false, "semi_weakly_supervised_resnext50_32x4-72679e44.pth"},
        {"resnext50_32x4d.gluon_in1k", "ResNeXt-50 32x4d", 256, 224, cubic, apache, false, "gluon_resnext50_32x4d-e6a097c1.pth"},
        {"resnext50_32x4d.ra_in1k", "ResNeXt-50 32x4d", 256, 224, cubic, apache, false, "resnext50_32x4d_ra-d733960d.pth"},
        {"resnext50_32x4d.tv2_in1k", "ResNeXt-50 32x4d", 201, 176, linear, bsd, false},
        {"resnext50_32x4d.tv_in1k", "ResNeXt-50 32x4d", 256, 224, linear, bsd, false},
        {"resnext101_32x4d.fb_ssl_yfcc100m_ft_in1k", "ResNeXt-101 32x4d", 256, 224, linear, by_nc, true, "semi_supervised_resnext101_32x4-dc43570a.pth"},
        {"resnext101_32x4d.fb_swsl_ig1b_ft_in1k", "ResNeXt-101 32x4d", 256, 224, linear, by_nc, false, "semi_weakly_supervised_resnext101_32x4-3f87e46b.pth"},
        {"resnext101_32x4d.gluon_in1k", "ResNeXt-101 32x4d", 256, 224, cubic, apache, false, "gluon_resnext101_32x4d-b253c8c4.pth"},
        {"resnext101_32x8d.fb_ssl_yfcc100m_ft_in1k", "ResNeXt-101 32x8d", 256, 224, linear, by_nc, false, "semi_supervised_resnext101_32x8-2cfe2f8b.pth"},
        {"resnext101_32x8d.fb_swsl_ig1b_ft_in1k", "ResNeXt-101 32x8d", 256, 224, linear, by_nc, false, "semi_weakly_supervised_resnext101_32x8-b4712904.pth"},
        {"resnext101_32x8d.fb_wsl_ig1b_ft_in1k", "ResNeXt-101 32x8d", 256, 224, linear, by_nc, false, "ig_resnext101_32x8-c38310e5.pth"},
        {"resnext101_32x8d.tv2_in1k", "ResNeXt-101 32x8d", 201, 176, linear, bsd, false},
        {"resnext101_32x8d.tv_in1k", "ResNeXt-101 32x8d", 256, 224, linear, bsd, true},
        {"resnext101_64x4d.c1_in1k", "ResNeXt-101 64x4d", 235, 224, cubic, apache, true, "resnext101_64x4d_c-0d0e0cc0.pth"},
        {"resnext101_64x4d.gluon_in1k", "ResNeXt-101 64x4d", 256, 224, cubic, apache, false, "gluon_resnext101_64x4d-f9a8e184.pth"},
        {"resnext101_64x4d.tv_in1k", "ResNeXt-101 64x4d", 256, 224, linear, bsd, false},
    };
    return detail::timm_models(rows);
}

}  // namespace regulus
