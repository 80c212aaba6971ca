# One image for every role: `serve` (the default), `worker`, `migrate`. The steps are the Makefile's own.
FROM python:3.13-slim-bookworm AS construction
WORKDIR /srv/comptoir
COPY requirements.txt ./
RUN python -m venv .venv \
 && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY . .
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/comptoir --shell /usr/sbin/nologin comptoir
WORKDIR /srv/comptoir
COPY --from=construction /srv/comptoir /srv/comptoir
ENV PATH=/srv/comptoir/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    COMPTOIR_ENV=production \
    COMPTOIR_HOST=0.0.0.0
USER 10001
EXPOSE 8000
# Only `serve` listens; the other roles live as long as their process does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; b'serve' in open('/proc/1/cmdline', 'rb').read().split(b'\\0') and u.urlopen(f\"http://127.0.0.1:{os.environ.get('COMPTOIR_PORT', 8000)}/sante/vivant\", timeout=2)"]
ENTRYPOINT ["comptoir"]
CMD ["serve"]
