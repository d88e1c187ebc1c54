# One image for every process: the command says which (web, edge, worker, builder, wasmhost, migrate, or up for all).
FROM python:3.11-slim-bookworm AS build

ENV PYTHONDONTWRITEBYTECODE=1 UV_NO_CACHE=1 FAASWEB_STATIC_ROOT=/app/staticfiles
WORKDIR /app
COPY deploy/requirements/uv.txt requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r uv.txt \
    && uv venv /opt/venv \
    && uv pip install --python /opt/venv/bin/python --require-hashes --compile-bytecode -r requirements.txt
COPY . .
RUN FAASWEB_DATA=/tmp/data FAASWEB_CACHE=/opt/cache /opt/venv/bin/python manage.py prepare --toolchain-only \
    && chmod -R a+rX /opt/cache && rm -r /tmp/data
# collectstatic loads the settings of production, which want values; these live only as long as this line.
RUN ENVIRONMENT=production FAASWEB_SECRET_KEY="only-to-collect-files-never-to-sign-anything" FAASWEB_HOSTS=localhost \
    DATABASE_URL=sqlite://:memory: /opt/venv/bin/python manage.py collectstatic --no-input --verbosity=0 \
    && /opt/venv/bin/python -m compileall -q manage.py faasweb consoles

FROM python:3.11-slim-bookworm

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FAASWEB_BIND=0.0.0.0 \
    FAASWEB_DATA=/data \
    FAASWEB_CACHE=/cache \
    FAASWEB_STATIC_ROOT=/app/staticfiles \
    PORT=8000
# Toolchain and code belong to root: what runs can't change them, only what is in /data, /cache and /tmp.
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /nonexistent faasweb \
    && install -d -m 700 -o faasweb -g faasweb /data /cache \
    && ln -s /opt/cache/toolchain /cache/toolchain
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/cache /opt/cache
COPY --from=build /app /app
WORKDIR /app
USER 1000:1000
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "manage.py"]
CMD ["up"]
