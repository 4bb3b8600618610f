// Reads compose.yaml as docker compose does, and the Dockerfiles as BuildKit does, without a Docker engine.
//
//	deploycheck COMPOSE_FILE DOCKERFILE...
//
// It checks what their own loaders check: schema, references between services and volumes, instructions and their
// flags, stages; and that what a Dockerfile copies from the build context is there.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: deploycheck COMPOSE_FILE DOCKERFILE...")
		os.Exit(2)
	}
	failed := false
	say := func(what string, err error) {
		if err != nil {
			failed = true
			fmt.Printf("%s: %v\n", what, err)
			return
		}
		fmt.Printf("%s is valid\n", what)
	}
	say(os.Args[1], checkCompose(os.Args[1]))
	for _, dockerfile := range os.Args[2:] {
		say(dockerfile, checkDockerfile(filepath.Dir(os.Args[1]), dockerfile))
	}
	if failed {
		os.Exit(1)
	}
}

func checkCompose(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				return fmt.Errorf("service %s mounts what is not there: %w", name, err)
			}
		}
		if service.Build != nil {
			dockerfile := service.Build.Dockerfile
			if !filepath.IsAbs(dockerfile) {
				dockerfile = filepath.Join(service.Build.Context, dockerfile)
			}
			if _, err := os.Stat(dockerfile); err != nil {
				return fmt.Errorf("service %s is built from what is not there: %w", name, err)
			}
		}
	}
	return nil
}

func checkDockerfile(buildContext, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return err
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			copied, isCopy := command.(*instructions.CopyCommand)
			if !isCopy || copied.From != "" {
				continue
			}
			for _, source := range copied.SourcePaths {
				found, err := filepath.Glob(filepath.Join(buildContext, source))
				if err != nil {
					return err
				}
				if len(found) == 0 {
					return fmt.Errorf("copies %s, which is not in the build context", source)
				}
			}
		}
	}
	return nil
}
