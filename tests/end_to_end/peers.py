"""peers.py BUILD_TREE WORK_FOLDER: the checks of peers.sh. Ends with the line "N passed, N failed, N skipped"."""
import importlib
import importlib.machinery
import json
import os
import re
import subprocess
import sys
import types

build, work = sys.argv[1:3]
checks = []


class Missing(Exception):
    pass


def need(name):
    try:
        return importlib.import_module(name)
    except Exception as error:  # an installation may also be broken
        raise Missing(f"{name}: {error}") from None


def check(function):
    """A function that fails by an exception; its docstring is its name."""
    checks.append(function)
    return function


def path(name):
    return os.path.join(work, name)


def run(program, *arguments):
    done = subprocess.run([os.path.join(build, program), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def converted(model, to, out):
    """Seeded weights of a model of the zoo in the code base `to`: what torch.load makes of them."""
    torch = need("torch")
    run("regulus", "convert", "seeded:5", path(out), "--model", model, "--to", to)
    return torch.load(path(out), weights_only=True)["state_dict"]


def same(a, b):
    torch = need("torch")
    assert list(a) == list(b), f"names differ: {sorted(set(a) ^ set(b))[:5]}"
    for name in a:
        assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape, name
        assert torch.equal(a[name].reshape(-1).contiguous().view(torch.uint8), b[name].reshape(-1).contiguous().view(torch.uint8)), name


root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
picture = os.path.join(root, "examples/pictures/hero_0000.jpg")


def settle(net, run_once):
    """Batch norms take the statistics of one run, so that activations of seeded weights stay of order one."""
    torch = need("torch")
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    net.eval()
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        run_once()
    net.eval()


def bitmap(segmentation):
    """COCO's compressed runs as torch bools [height, width]."""
    torch = need("torch")
    height, width = segmentation["size"]
    runs, value, shift = [], 0, 0
    for letter in segmentation["counts"].encode():
        bits = letter - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    ones = torch.arange(len(runs)) % 2 == 1
    return torch.repeat_interleave(ones, torch.tensor(runs)).reshape(width, height).T


def mmdetection_name(name):
    """The rules of mmdetection's regnet2mmdet.py, said once more."""
    if name.startswith("stem."):
        return name.replace("stem.conv", "conv1").replace("stem.bn", "bn1")
    if name.startswith("head."):
        return name.replace("head.fc", "fc")
    stage, block, rest = re.fullmatch(r"s(\d+)\.b(\d+)\.(.+)", name).groups()
    layer = f"layer{stage}.{int(block) - 1}."
    if rest.startswith("proj."):
        return layer + rest.replace("proj", "downsample.0", 1)
    if rest.startswith("bn."):
        return layer + rest.replace("bn", "downsample.1", 1)
    part, rest = re.fullmatch(r"f\.([abc](?:_bn)?)\.(.+)", rest).groups()
    number = "abc".index(part[0]) + 1
    return f"{layer}{'bn' if part.endswith('_bn') else 'conv'}{number}.{rest}"


def pycls_file(size):
    name = path(f"pycls_{size}.pyth")
    if not os.path.exists(name):
        run("regulus", "convert", "seeded:5", name + ".pth", "--model", f"pycls/RegNetX-{size}", "--to", "pycls")
        os.rename(name + ".pth", name)
    return name


@check
def regnet2mmdet_by_torch():
    """torch.load(weights_only=True) opens what regnet2mmdet writes: names, order and bits of the script's rules"""
    torch = need("torch")
    for size in ("400MF", "3.2GF"):
        source = torch.load(pycls_file(size), weights_only=True)["state_dict"]
        run("regnet2mmdet", pycls_file(size), path("mm.pth"))
        content = torch.load(path("mm.pth"), weights_only=True)
        assert list(content) == ["state_dict"]
        same(content["state_dict"], {mmdetection_name(name): tensor for name, tensor in source.items()})


def stub_mmcv_operators():
    """mmdetection imports all of mmcv's compiled operators on the way to a backbone that uses none: without them, an empty module stands for them."""
    try:
        importlib.import_module("mmcv._ext")
    except ImportError:
        module = types.ModuleType("mmcv._ext")
        module.__getattr__ = lambda name: None
        module.__spec__ = importlib.machinery.ModuleSpec("mmcv._ext", None)
        sys.modules["mmcv._ext"] = module


def load_into_mmdetection(RegNet):
    torch = need("torch")
    for size, arch in (("400MF", "regnetx_400mf"), ("1.6GF", "regnetx_1.6gf"), ("3.2GF", "regnetx_3.2gf"), ("12GF", "regnetx_12gf")):
        net = RegNet(arch=arch)
        run("regnet2mmdet", "--drop-head", pycls_file(size), path("mm.pth"))
        net.load_state_dict(torch.load(path("mm.pth"), weights_only=True)["state_dict"], strict=True)
        run("regnet2mmdet", pycls_file(size), path("mm.pth"))
        difference = net.load_state_dict(torch.load(path("mm.pth"), weights_only=True)["state_dict"], strict=False)
        assert difference.missing_keys == [] and sorted(difference.unexpected_keys) == ["fc.bias", "fc.weight"], difference


@check
def mmdetection3():
    """mmdetection 3.x: its RegNet takes what regnet2mmdet writes, strict without the head, and misses nothing with it"""
    need("torch")
    mmcv = need("mmcv")
    stub_mmcv_operators()
    mmcv.__version__ = min(mmcv.__version__, "2.1.0")  # mmdetection 3.3 refuses later ones, for its operators' sake
    load_into_mmdetection(need("mmdet.models.backbones.regnet").RegNet)


@check
def mmdetection2():
    """mmdetection 2.x: the same"""
    need("torch")
    folder = os.environ.get("REGULUS_MMDET2")
    if not folder:
        raise Missing("REGULUS_MMDET2")
    done = subprocess.run([sys.executable, os.path.abspath(__file__), build, work, folder], capture_output=True, text=True)
    if done.returncode == 77:
        raise Missing(done.stdout.strip())
    assert done.returncode == 0, done.stderr[-1500:]


@check
def mmpretrain():
    """mmpretrain: its RegNet takes a classifier's backbone, strict; the head is that of ImageClassifier"""
    mmcv = need("mmcv")
    stub_mmcv_operators()
    mmcv.__version__ = min(mmcv.__version__, "2.1.0")
    RegNet = need("mmpretrain.models.backbones.regnet").RegNet
    state = converted("mmpretrain/regnetx-400mf_8xb128_in1k", "mmpretrain", "pretrain.pth")
    heads = {name for name in state if name.startswith("head.")}
    assert heads == {"head.fc.weight", "head.fc.bias"}, heads
    RegNet(arch="regnetx_400mf").load_state_dict({name[len("backbone."):]: tensor for name, tensor in state.items() if name not in heads}, strict=True)


@check
def torchvision_classifiers():
    """torchvision: classifiers load with strict=True"""
    models = need("torchvision").models
    for name in ("regnet_x_400mf", "regnet_y_400mf", "regnet_x_8gf", "resnet50", "resnet101", "resnext50_32x4d"):
        models.get_model(name).load_state_dict(converted("torchvision/" + name, "torchvision", "tv.pth"), strict=True)


@check
def torchvision_detectors():
    """torchvision: Faster and Mask R-CNN of mmdetection's configs load with strict=True"""
    detection = need("torchvision").models.detection
    for name, make in (("faster-rcnn_r50_fpn_1x_coco", detection.fasterrcnn_resnet50_fpn), ("mask-rcnn_r50_fpn_1x_coco", detection.maskrcnn_resnet50_fpn)):
        make(weights=None, weights_backbone=None, num_classes=81).load_state_dict(converted(name, "torchvision", "tv.pth"), strict=True)


def find_the_same(name):
    """A torchvision detector with seeded weights and `regulus detect` on its checkpoint."""
    torch, torchvision = need("torch"), need("torchvision")
    pixels = torchvision.io.read_image(picture, torchvision.io.ImageReadMode.RGB).float() / 255
    net = torchvision.models.detection.__dict__[name](weights=None, weights_backbone=None)
    net.load_state_dict(converted("torchvision/" + name, "torchvision", "tv.pth"), strict=True)
    settle(net, lambda: net([pixels]))
    for module in net.modules():  # torchvision does so where it opens the first versions' published weights
        if isinstance(module, torch.nn.BatchNorm2d) and not name.endswith("_v2"):
            module.eps = 0.0
    scale = 1 if name.endswith("_v2") else 0.2  # the first versions have no norms behind the backbone
    with torch.no_grad():
        for key, parameter in net.named_parameters():  # boxes that move little, scores apart from each other
            if "bbox_pred" in key or "bbox_reg" in key:
                parameter *= 0.05 * scale
            elif "cls_score" in key or "cls_logits" in key:
                parameter *= 0.3 * scale
                if name.startswith("retinanet") and key.endswith("bias"):
                    parameter -= 4.6
        torch.save(net.state_dict(), path("tv.pth"))
        peer = net([pixels])[0]
    ours = json.loads(run("regulus", "detect", "--model", "torchvision/" + name, "--weights", path("tv.pth"), "--json", "-", "--score", "0.05", picture))
    count = int((peer["scores"] >= 0.05).sum())
    assert count == len(ours) and count >= 50, (name, count, len(ours))
    boxes = torch.tensor([one["bbox"] for one in ours])
    boxes[:, 2:] += boxes[:, :2]
    labels = torch.tensor([one["category_id"] for one in ours])
    overlap = torchvision.ops.box_iou(peer["boxes"][:count], boxes) * (peer["labels"][:count, None] == labels)
    overlap, match = overlap.max(1)
    assert len(set(match.tolist())) == count and overlap.min() > 0.99, (name, overlap.min())
    for limit, difference in ((0.02, peer["boxes"][:count] - boxes[match]), (1e-3, peer["scores"][:count] - torch.tensor([one["score"] for one in ours])[match])):
        assert difference.abs().max() <= limit, (name, difference.abs().max())  # pixels, probability
    if "keypoints" in peer:
        points = torch.tensor([one["keypoints"] for one in ours]).reshape(count, 17, 3)[match]
        assert (points[..., :2] - peer["keypoints"][:count, :, :2]).abs().amax((1, 2)).median() <= 0.05, name
    if "masks" in peer:
        for i in range(count):
            differing = (bitmap(ours[match[i]]["segmentation"]) != (peer["masks"][i, 0] > 0.5)).sum()
            assert differing <= 8, (name, i, differing)


@check
def torchvision_detections():
    """torchvision: all detectors of the zoo find the same on a picture, labels, boxes, masks and keypoints"""
    for name in ("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2",
                 "keypointrcnn_resnet50_fpn"):
        find_the_same(name)


@check
def timm_classifiers():
    """timm: classifiers load with strict=True"""
    timm = need("timm")
    for name in ("regnetx_004", "regnety_004", "regnetx_032", "regnety_032", "resnet50", "resnext50_32x4d"):
        timm.create_model(name).load_state_dict(converted("timm/" + name, "timm", "timm.pth"), strict=True)


def classify_the_same(name):
    """A classifier with seeded weights, preprocessing included, and `regulus classify` on its checkpoint."""
    torch = need("torch")
    code_base, variant = name.split("/")
    if code_base == "torchvision":
        models = need("torchvision").models
        architecture, _, weights = variant.partition(".")
        net = models.get_model(architecture)
        prepare = models.get_model_weights(architecture)[weights or "IMAGENET1K_V1"].transforms()
    else:
        timm = need("timm")
        net = timm.create_model(variant)
        prepare = timm.data.create_transform(**timm.data.resolve_data_config({}, model=net), is_training=False)
    pixels = need("PIL.Image").open(picture).convert("RGB")
    net.load_state_dict(converted(name, code_base, "net.pth"), strict=True)
    pixels = torch.stack([prepare(pixels), prepare(pixels.transpose(0))])
    settle(net, lambda: net(pixels))
    with torch.no_grad():  # probabilities apart from each other
        head = [module for module in net.modules() if isinstance(module, torch.nn.Linear)][-1]
        factor = 2 / net(pixels)[0].std()
        head.weight *= factor
        head.bias *= factor
        expected = net(pixels)[0].softmax(0)
    torch.save(net.state_dict(), path("net.pth"))
    top = json.loads(run("regulus", "classify", "--model", name, "--weights", path("net.pth"), "--top", "100000", "--json", picture))
    ours = torch.zeros_like(expected)
    for one in top[0]["top"]:
        ours[one["index"]] = one["probability"]
    difference = (ours - expected).abs().max() / expected.max()
    assert difference <= 1e-3, (name, difference)  # the peers' own float32 is up to 2e-4 from float64


@check
def torchvision_classes():
    """torchvision: classifiers with their preprocessing give the same probabilities"""
    for name in ("regnet_x_400mf", "regnet_x_400mf.IMAGENET1K_V2", "regnet_y_800mf", "regnet_y_8gf.IMAGENET1K_V2", "regnet_y_16gf.IMAGENET1K_SWAG_E2E_V1", "resnet50", "resnet101.IMAGENET1K_V2",
                 "resnext50_32x4d"):
        classify_the_same("torchvision/" + name)


@check
def timm_classes():
    """timm: classifiers with their preprocessing give the same probabilities"""
    for name in ("regnetx_004.pycls_in1k", "regnetx_004_tv.tv2_in1k", "regnetx_032.tv2_in1k", "regnety_008_tv.tv2_in1k", "regnety_032.ra_in1k", "regnety_040.ra3_in1k", "regnety_160.swag_ft_in1k",
                 "regnety_120.sw_in12k", "resnet50.a1_in1k", "resnet50.fb_ssl_yfcc100m_ft_in1k", "resnext101_32x8d.tv_in1k"):
        classify_the_same("timm/" + name)


@check
def pycls_to_timm():
    """timm: a net of pycls, renamed by convert, loads with strict=True and is what renaming by hand gives"""
    torch, timm = need("torch"), need("timm")
    run("regulus", "convert", pycls_file("400MF"), path("timm.pth"), "--model", "pycls/RegNetX-400MF", "--to", "timm")
    net = timm.create_model("regnetx_004")
    net.load_state_dict(torch.load(path("timm.pth"), weights_only=True)["state_dict"], strict=True)
    source = torch.load(pycls_file("400MF"), weights_only=True)["state_dict"]
    by_hand = {}
    for name, tensor in source.items():
        name = re.sub(r"\.f\.([abc])(_bn)?\.", lambda m: f".conv{'abc'.index(m[1]) + 1}.{'bn' if m[2] else 'conv'}.", name)
        by_hand[name.replace(".proj.", ".downsample.conv.") if ".proj." in name else re.sub(r"^(s\d+\.b\d+)\.bn\.", r"\1.downsample.bn.", name)] = tensor
    same(dict(sorted(torch.load(path("timm.pth"), weights_only=True)["state_dict"].items())), dict(sorted(by_hand.items())))


@check
def safetensors_package():
    """safetensors: the package reads our files, every type of PyTorch's, bit for bit"""
    torch, safetensors = need("torch"), need("safetensors.torch")
    folder = os.path.join(os.environ["REGULUS_SHARED"], "golden/checkpoints/valid")
    if not os.path.isdir(folder):
        raise Missing("shared/golden")
    for name in ("torch_new_dtypes_zip.pth", "torch_new_dtypes_legacy.pth", "torch_new_zip.pth"):
        original = torch.load(os.path.join(folder, name), weights_only=True)
        run("regulus", "convert", "--raw", os.path.join(folder, name), path("raw.safetensors"))
        read = safetensors.load_file(path("raw.safetensors"))
        same(dict(sorted(read.items())), dict(sorted((key, original[key].detach()) for key in read)))
        assert len(read) >= 20


@check
def torch_types():
    """PyTorch: every type, view, shared storage, 0-dim and empty tensor of our torch writer, bit for bit"""
    torch = need("torch")
    folder = os.path.join(os.environ["REGULUS_SHARED"], "golden/checkpoints/valid")
    if not os.path.isdir(folder):
        raise Missing("shared/golden")
    for name in ("torch_2.1_dtypes_legacy.pth", "torch_2.1_legacy.pth", "mmcv1_zip.pth", "pycls_ema_better.pyth"):
        run("regulus", "convert", "--raw", os.path.join(folder, name), path("raw.pth"))
        read = torch.load(path("raw.pth"), weights_only=True)["state_dict"]
        original = torch.load(os.path.join(folder, name), weights_only=False) if name.startswith("torch_") else None
        if original is not None:
            same(read, {key: original[key].detach() for key in read})
        assert len(read) >= 20


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for function in checks:
        try:
            function()
            result = "passed"
        except Missing as missing:
            result = "skipped"
            print(f"skipped: {function.__doc__}: no {missing}")
        except Exception as error:
            result = "failed"
            print(f"FAILED: {function.__doc__}: {type(error).__name__}: {str(error)[:2000]}")
        counts[result] += 1
    print(", ".join(f"{count} {result}" for result, count in counts.items()))
    return counts["failed"] != 0


def main_of_mmdetection2(folder):
    """mmdetection 2.x before all else, in a process of its own; exit code 77 and a name on stdout when something is not there."""
    sys.path.insert(0, folder)
    try:
        need("mmcv")
        stub_mmcv_operators()
        load_into_mmdetection(need("mmdet.models.backbones.regnet").RegNet)
    except Missing as missing:
        print(missing)
        return 77
    return 0


sys.exit(main() if len(sys.argv) == 3 else main_of_mmdetection2(sys.argv[3]))
