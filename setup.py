"""The package's metadata; the build backend and the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version: dict[str, str] = {}
exec((here / "segment_gevent" / "version.py").read_text(encoding="utf-8"), version)

celery = ["celery>=5.3"]
cli = ["click>=8.1.3", "jsonschema-rs>=0.29.1", "rich>=12.3", "backports.zstd>=1.0; python_version < '3.14'"]
django = ["Django>=4.2"]
flask = ["Flask>=2.3"]
oauth = ["PyJWT[crypto]>=2.4"]
prometheus = ["prometheus_client>=0.20"]
redis = ["redis>=5.0.1"]
test = [
    *celery,
    *cli,
    *django,
    *flask,
    *oauth,
    *prometheus,
    *redis,
    "attrs",
    # The page's tests: a browser's driver, and axe-core. On 3.10 they do not run; there `lowest` has a greenlet of old.
    "axe-playwright-python>=0.1.8; python_version >= '3.11'",
    "bottle",
    "gunicorn",
    "hypothesis",
    'locust; python_version >= "3.11"',  # none for the lowest gevent
    "numpy",
    "openapi-spec-validator",
    "playwright>=1.49; python_version >= '3.11'",
    "pydantic>=2",
    "pyramid",
    "pyyaml",
    "pytest>=8",
    "pytest-cov>=7",
    "pytest-timeout",
    "pytest-xdist>=3.6",
    "setuptools>=64",
    "trustme",
]

setup(
    name="segment-gevent",
    version=version["__version__"],
    description="Send identify and track calls to Segment from gevent servers: no event lost, no request slowed",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["segment_gevent", "segment_gevent.*"]),
    py_modules=["pytest_segment_gevent"],
    package_data={"segment_gevent": ["py.typed"], "segment_gevent.debugger": ["page/*", "page/assets/*"]},
    # Lower bounds are the lowest versions that the tests pass with (`tox -e lowest`). urllib3 is named for its bound:
    # the connections are subclasses of its own, and its version 1 lacks their hooks.
    install_requires=[
        "gevent>=22.10.2",
        "orjson>=3.9",
        "python-dateutil>=2.8.2",
        "requests>=2.30",
        "urllib3>=2.0.2",
    ],
    extras_require={
        "celery": celery,
        "cli": cli,
        "django": django,
        "flask": flask,
        "oauth": oauth,
        "prometheus": prometheus,
        "redis": redis,
        "test": test,
        "uwsgi": ["uwsgi"],
    },
    entry_points={
        "console_scripts": ["segment-gevent = segment_gevent.cli:main"],
        "pytest11": ["segment_gevent = pytest_segment_gevent"],
    },
    keywords=["segment", "analytics", "gevent", "greenlet", "gunicorn", "uwsgi"],
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Framework :: gevent",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
)
