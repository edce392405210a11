# The course for one student of JupyterHub: `docker build -t implicit-lab .`, see
# setup/hub/kubernetes/README.md. Without a hub it runs as `docker run -p 8888:8888 implicit-lab lab`.
FROM node:22-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv libopenblas0-pthread ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/course
COPY . .
# The library, the kernel and JupyterHub's server, as `npm run hub` installs them; read-only for students.
RUN node setup/hub.mjs --install && npm cache clean --force && rm -rf /root/.cache
ENV PATH=/srv/course/.hub/venv/bin:$PATH
# The user of the image, 1000, has its home on a volume.
RUN usermod --login student --home /home/student --move-home node
USER student
WORKDIR /home/student
EXPOSE 8888
ENTRYPOINT ["/srv/course/setup/hub/image.sh"]
CMD ["hub"]
