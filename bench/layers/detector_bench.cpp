// The layers of detectors at the shapes that they have in published ones (800 x 1344 pixels, 256 channels, 80 classes).
#include <regulus/layers/box_head.hpp>
#include <regulus/layers/detections.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/mask_head.hpp>
#include <regulus/layers/proposals.hpp>
#include <regulus/layers/retina_head.hpp>
#include <regulus/layers/roi_extractor.hpp>

#include "support/bench.hpp"
#include "support/feed.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

using RegNetX32Widths = Widths<96, 192, 432, 1008>;
using ResNetWidths = Widths<256, 512, 1024, 2048>;

template <class In, FpnExtra Extra, int StartLevel>
void bench_fpn(const std::string& name) {
    Feed feed(name);
    const auto levels = Fpn<In, 256, Extra, StartLevel>{}(feed.scope() / "neck", feed.stages<4>(In{}));
    for (const ValueId id : levels.ids) feed.give_out(id);
    bench_layer(sized(name, photograph.height, photograph.width), feed.graph, photograph);
}

/// The head on all levels, then anchors, top-k, decoding and suppression.
void bench_rpn() {
    {
        Feed feed("rpn_head");
        const auto maps = RpnHead<256, 3>{}(feed.scope() / "rpn", feed.pyramid<256, 4, 5>());
        for (std::size_t i = 0; i < maps.logits.size(); ++i) {
            feed.give_out(maps.logits[i]);
            feed.give_out(maps.deltas[i]);
        }
        bench_layer(sized("rpn_head/levels:5", photograph.height, photograph.width), feed.graph, photograph);
    }
    Feed feed("proposals", true);
    DenseHeadMaps<3, 4, 5> maps{&feed.graph, {}, {}};
    for (std::size_t i = 0; i < maps.logits.size(); ++i) {
        maps.logits[i] = feed.map(3, 4 << i);
        maps.deltas[i] = feed.map(12, 4 << i);
    }
    const auto rois = Proposals<1000>{}(feed.scope() / "rpn", maps, feed.info);
    feed.give_out(rois.boxes);
    bench_layer(sized("proposals/levels:5/candidates:1000/kept:1000", photograph.height, photograph.width), feed.graph, photograph);
}

void bench_retina_head() {
    Feed feed("retina_head");
    const auto maps = RetinaHead<256, 4, 9, 80>{}(feed.scope() / "head", feed.pyramid<256, 8, 5>());
    for (std::size_t i = 0; i < maps.logits.size(); ++i) {
        feed.give_out(maps.logits[i]);
        feed.give_out(maps.deltas[i]);
    }
    bench_layer(sized("retina_head/levels:5/classes:80", photograph.height, photograph.width), feed.graph, photograph);
}

template <int Size, int Max>
void bench_roi_extractor(int sampling_ratio) {
    const std::string name = "roi_extractor/size:" + std::to_string(Size) + "/rois:" + std::to_string(Max) + "/sampling_ratio:" + std::to_string(sampling_ratio);
    Feed feed(name, true);
    const auto pyramid = feed.pyramid<256, 4, 4>();
    RoiExtractor<Size> extractor;
    extractor.settings.sampling_ratio = sampling_ratio;
    feed.give_out(extractor(feed.scope() / "extract", pyramid, feed.rois<Max>()).id);
    bench_layer(name, feed.graph, photograph);
}

/// Region maps for a head; the cheapest sampling, because they are not timed.
template <int Size, int Max>
RoiFeature<256, Size, Max> regions(Feed& feed, const Rois<Max>& rois) {
    RoiExtractor<Size, 1> extractor;
    extractor.settings.sampling_ratio = 1;
    return extractor(feed.scope() / "feed" / "regions", feed.pyramid<256, 32, 1>(), rois);
}

void bench_heads() {
    {
        Feed feed("box_head", true);
        const auto rois = feed.rois<1000>();
        const auto predictions = BoxHead<256, 7, 1024, 80>{}(feed.scope() / "box_head", regions<7>(feed, rois));
        feed.give_out(predictions.logits.id);
        feed.give_out(predictions.deltas.id);
        bench_layer("box_head/rois:1000/classes:80", feed.graph, photograph);
    }
    {
        Feed feed("mask_head", true);
        const auto rois = feed.rois<100>();
        feed.give_out(select_masks(feed.scope() / "select", MaskHead<256, 256, 4, 80>{}(feed.scope() / "mask_head", regions<14>(feed, rois)), rois));
        bench_layer("mask_head/rois:100/classes:80", feed.graph, photograph);
    }
    Feed feed("detections", true);
    const auto rois = feed.rois<1000>();
    const auto predictions = BoxHead<256, 7, 32, 80>{}(feed.scope() / "feed" / "box_head", regions<7>(feed, rois));
    Detections<100> detections;
    detections.score_threshold = 0.05f;
    feed.give_out(detections(feed.scope() / "detections", predictions, rois, feed.info).boxes);
    bench_layer("detections/rois:1000/classes:80", feed.graph, photograph);
}

const bool registered = [] {
    bench_fpn<RegNetX32Widths, FpnExtra::pool, 0>("fpn/regnetx_3.2gf/pool");
    bench_fpn<ResNetWidths, FpnExtra::pool, 0>("fpn/resnet_50/pool");
    bench_fpn<RegNetX32Widths, FpnExtra::none, 0>("fpn/regnetx_3.2gf/none");
    bench_fpn<RegNetX32Widths, FpnExtra::convs_on_input, 1>("fpn/regnetx_3.2gf/convs_on_input");
    bench_fpn<ResNetWidths, FpnExtra::convs_on_input_relu, 1>("fpn/resnet_50/convs_on_input_relu");
    bench_fpn<ResNetWidths, FpnExtra::convs_on_output_relu, 1>("fpn/resnet_50/convs_on_output_relu");
    bench_rpn();
    bench_retina_head();
    bench_roi_extractor<7, 1000>(0);
    bench_roi_extractor<7, 1000>(2);
    bench_roi_extractor<14, 100>(0);
    bench_heads();
    return true;
}();

}  // namespace
