#pragma once
#include <regulus/zoo/classifiers.hpp>

namespace regulus {

/// timm's RegNets: pycls's weights with the stem turned to RGB (.pycls_in1k), torchvision's (.tv2_in1k, .swag_*), and trainings of its own. Its seer entries without
/// a head are left out. Errors: results-imagenet.csv, known for pycls_in1k.
REGULUS_INLINE std::vector<ClassifierSpec> timm_regnet_classifiers() {
    constexpr auto cubic = ClassifyResize::pillow_bicubic;
    constexpr const char *mit = "MIT", *bsd = "BSD-3-Clause", *apache = "Apache-2.0", *by_nc = "CC-BY-NC-4.0", *seer = "seer-license";
    const std::vector<detail::TimmRow> rows = {
        {"regnetx_002.pycls_in1k", "RegNetX-200MF", 256, 224, cubic, mit, true, "", 31.242, 11.432},
        {"regnetx_004.pycls_in1k", "RegNetX-400MF", 256, 224, cubic, mit, true, "", 27.518, 9.16},
        {"regnetx_004_tv.tv2_in1k", "RegNetX-400MF-tv", 232, 224, cubic, bsd, true},
        {"regnetx_006.pycls_in1k", "RegNetX-600MF", 256, 224, cubic, mit, true, "", 26.096, 8.36},
        {"regnetx_008.pycls_in1k", "RegNetX-800MF", 256, 224, cubic, mit, false, "", 24.946, 7.662},
        {"regnetx_008.tv2_in1k", "RegNetX-800MF", 232, 224, cubic, bsd, true},
        {"regnetx_016.pycls_in1k", "RegNetX-1.6GF", 256, 224, cubic, mit, false, "", 23.064, 6.568},
        {"regnetx_016.tv2_in1k", "RegNetX-1.6GF", 232, 224, cubic, bsd, true},
        {"regnetx_032.pycls_in1k", "RegNetX-3.2GF", 256, 224, cubic, mit, false, "", 21.84, 5.912},
        {"regnetx_032.tv2_in1k", "RegNetX-3.2GF", 232, 224, cubic, bsd, true},
        {"regnetx_040.pycls_in1k", "RegNetX-4.0GF", 256, 224, cubic, mit, true, "", 21.514, 5.748},
        {"regnetx_064.pycls_in1k", "RegNetX-6.4GF", 256, 224, cubic, mit, true, "", 20.938, 5.532},
        {"regnetx_080.pycls_in1k", "RegNetX-8.0GF", 256, 224, cubic, mit, false, "", 20.786, 5.458},
        {"regnetx_080.tv2_in1k", "RegNetX-8.0GF", 232, 224, cubic, bsd, true},
        {"regnetx_120.pycls_in1k", "RegNetX-12GF", 256, 224, cubic, mit, true, "", 20.392, 5.266},
        {"regnetx_160.pycls_in1k", "RegNetX-16GF", 256, 224, cubic, mit, false, "", 20.156, 5.148},
        {"regnetx_160.tv2_in1k", "RegNetX-16GF", 232, 224, cubic, bsd, true},
        {"regnetx_320.pycls_in1k", "RegNetX-32GF", 256, 224, cubic, mit, false, "", 19.742, 4.984},
        {"regnetx_320.tv2_in1k", "RegNetX-32GF", 232, 224, cubic, bsd, true},
        {"regnety_002.pycls_in1k", "RegNetY-200MF", 256, 224, cubic, mit, true, "", 29.712, 10.456},
        {"regnety_004.pycls_in1k", "RegNetY-400MF", 256, 224, cubic, mit, false, "", 25.996, 8.244},
        {"regnety_004.tv2_in1k", "RegNetY-400MF", 232, 224, cubic, bsd, true},
        {"regnety_006.pycls_in1k", "RegNetY-600MF", 256, 224, cubic, mit, true, "", 24.726, 7.468},
        {"regnety_008.pycls_in1k", "RegNetY-800MF", 256, 224, cubic, mit, true, "", 23.666, 6.94},
        {"regnety_008_tv.tv2_in1k", "RegNetY-800MF-tv", 232, 224, cubic, bsd, true},
        {"regnety_016.pycls_in1k", "RegNetY-1.6GF", 256, 224, cubic, mit, false, "", 22.12, 6.274},
        {"regnety_016.tv2_in1k", "RegNetY-1.6GF", 232, 224, cubic, bsd, true},
        {"regnety_032.pycls_in1k", "RegNetY-3.2GF", 256, 224, cubic, mit, false, "", 21.098, 5.574},
        {"regnety_032.ra_in1k", "RegNetY-3.2GF", 235, 224, cubic, apache, true, "regnety_032_ra-7f2439f9.pth"},
        {"regnety_032.tv2_in1k", "RegNetY-3.2GF", 232, 224, cubic, bsd, false},
        {"regnety_040.pycls_in1k", "RegNetY-4.0GF", 256, 224, cubic, mit, false, "", 20.754, 5.334},
        {"regnety_040.ra3_in1k", "RegNetY-4.0GF", 235, 224, cubic, apache, true, "regnety_040_ra3-670e1166.pth"},
        {"regnety_064.pycls_in1k", "RegNetY-6.4GF", 256, 224, cubic, mit, false, "", 20.266, 5.232},
        {"regnety_064.ra3_in1k", "RegNetY-6.4GF", 235, 224, cubic, apache, true, "regnety_064_ra3-aa26dc7d.pth"},
        {"regnety_080.pycls_in1k", "RegNetY-8.0GF", 256, 224, cubic, mit, false, "", 20.126, 5.166},
        {"regnety_080.ra3_in1k", "RegNetY-8.0GF", 235, 224, cubic, apache, true, "regnety_080_ra3-1fdc4344.pth"},
        {"regnety_080_tv.tv2_in1k", "RegNetY-8.0GF-tv", 232, 224, cubic, bsd, true},
        {"regnety_120.pycls_in1k", "RegNetY-12GF", 256, 224, cubic, mit, false, "", 19.618, 4.896},
        {"regnety_120.sw_in12k", "RegNetY-12GF", 235, 224, cubic, apache, false, "", 0, 0, 11821},
        {"regnety_120.sw_in12k_ft_in1k", "RegNetY-12GF", 235, 224, cubic, apache, true},
        {"regnety_160.deit_in1k", "RegNetY-16GF", 235, 224, cubic, apache, false, "regnety_160-a5fe301d.pth"},
        {"regnety_160.lion_in12k_ft_in1k", "RegNetY-16GF", 235, 224, cubic, apache, false},
        {"regnety_160.pycls_in1k", "RegNetY-16GF", 256, 224, cubic, mit, false, "", 19.716, 5.018},
        {"regnety_160.sw_in12k", "RegNetY-16GF", 235, 224, cubic, apache, false, "", 0, 0, 11821},
        {"regnety_160.sw_in12k_ft_in1k", "RegNetY-16GF", 235, 224, cubic, apache, true},
        {"regnety_160.swag_ft_in1k", "RegNetY-16GF", 384, 384, cubic, by_nc, false},
        {"regnety_160.swag_lc_in1k", "RegNetY-16GF", 232, 224, cubic, by_nc, false},
        {"regnety_160.tv2_in1k", "RegNetY-16GF", 232, 224, cubic, bsd, false},
        {"regnety_320.pycls_in1k", "RegNetY-32GF", 256, 224, cubic, mit, false, "", 19.204, 4.754},
        {"regnety_320.seer_ft_in1k", "RegNetY-32GF", 384, 384, cubic, seer, false},
        {"regnety_320.swag_ft_in1k", "RegNetY-32GF", 384, 384, cubic, by_nc, false},
        {"regnety_320.swag_lc_in1k", "RegNetY-32GF", 232, 224, cubic, by_nc, false},
        {"regnety_320.tv2_in1k", "RegNetY-32GF", 232, 224, cubic, bsd, true},
        {"regnety_640.seer_ft_in1k", "RegNetY-64GF", 384, 384, cubic, seer, true},
        {"regnety_1280.seer_ft_in1k", "RegNetY-128GF", 384, 384, cubic, seer, false},
        {"regnety_1280.swag_ft_in1k", "RegNetY-128GF", 384, 384, cubic, by_nc, true},
        {"regnety_1280.swag_lc_in1k", "RegNetY-128GF", 232, 224, cubic, by_nc, false},
        {"regnety_2560.seer_ft_in1k", "RegNetY-256GF", 384, 384, cubic, seer, true},
    };
    return detail::timm_models(rows);
}

}  // namespace regulus
