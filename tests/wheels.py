"""Makes tiny wheels, so that installing packages needs no network."""

import base64
import csv
import hashlib
import io
import zipfile


def make_wheel(folder, name, version="1.0", files=(), requires=(), tag="py3-none-any"):
    """``files`` are texts or bytes by path; a module named like the package is made when there are none."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = dict(files) or {f"{module}.py": f"NAME = {name!r}\n"}
    needed = "".join(f"Requires-Dist: {other}\n" for other in requires)
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}\n"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name_in_wheel, text in content.items():
            data = text.encode() if isinstance(text, str) else text
            wheel.writestr(name_in_wheel, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.writerow([name_in_wheel, f"sha256={digest}", len(data)])
        rows.writerow([f"{info}/RECORD", "", ""])
        wheel.writestr(f"{info}/RECORD", record.getvalue())
    return path
