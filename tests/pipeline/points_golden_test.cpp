#include <doctest/doctest.h>

#include <regulus/cpu.hpp>
#include <regulus/pipeline/golden.hpp>
#include <regulus/pipeline/golden_points.hpp>
#include <regulus/reference.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "support/shared.hpp"

using namespace regulus;

namespace {

[[maybe_unused]] const char* const cases[] = {"kitti_secfpn_3class",     "lyft_fpn",     "lyft_range100_regnetx400mf_fpn", "lyft_range100_regnetx400mf_secfpn", "lyft_regnetx400mf_fpn", "lyft_regnetx400mf_secfpn",
                             "lyft_secfpn",             "nus_fpn",      "nus_regnetx1.6gf_fpn",           "nus_regnetx400mf_fpn",              "nus_regnetx400mf_secfpn", "nus_secfpn"};

void passes(const std::string& name, const Backend& backend) {
    CAPTURE(name);
    const std::string folder = testing::shared_path("golden/detection3d/" + name);
    REQUIRE(is_point_case(folder));
    const GoldenReport report = verify_golden_points(folder, point_detectors(), backend);
    CHECK(report.checks.size() >= 23);
    if (!report.passed()) FAIL_CHECK(to_string(report));
}

}  // namespace

TEST_CASE("PointPillars: all golden cases pass on the CPU backend") {
    REGULUS_REQUIRE_SHARED("golden/detection3d/inventory.json");
#if defined(REGULUS_SANITIZED)
    for (const char* name : {"kitti_secfpn_3class", "nus_regnetx400mf_fpn"}) passes(name, CpuBackend{});
#else
    for (const char* name : cases) passes(name, CpuBackend{});
#endif
}

#if !defined(REGULUS_SANITIZED)  // plain loops with every access checked take a quarter of an hour
TEST_CASE("PointPillars: golden cases of both necks, both backbones and the legacy pillar net pass on the reference backend") {
    REGULUS_REQUIRE_SHARED("golden/detection3d/inventory.json");
    for (const char* name : {"kitti_secfpn_3class", "nus_regnetx400mf_fpn"}) passes(name, ReferenceBackend{});
}
#endif
